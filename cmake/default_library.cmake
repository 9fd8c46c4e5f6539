# What most users link: the runtime with kernels of every op for all levels of this CPU and for GPUs.
#   lossgen::lossgen  in this build: the static pieces; in the installed package: liblossgen.so
#   lossgen::shared   liblossgen.so
#   lossgen::static   liblossgen.a
lossgen_add_library(lossgen_kernels STATIC PREFIX lossgen TARGETS ${LOSSGEN_TARGETS})
add_library(lossgen_lossgen INTERFACE)
target_link_libraries(lossgen_lossgen INTERFACE lossgen_kernels lossgen_runtime)
add_library(lossgen::lossgen ALIAS lossgen_lossgen)

# The kernel ABI number is the SOVERSION: both change when old binaries would misunderstand new ones.
file(STRINGS ${PROJECT_SOURCE_DIR}/generator/abi/lossgen/kernel_abi.h abi_line REGEX "#define LOSSGEN_KERNEL_ABI ")
string(REGEX MATCH "[0-9]+$" LOSSGEN_ABI "${abi_line}")

add_library(lossgen_shared SHARED $<TARGET_OBJECTS:lossgen_runtime> $<TARGET_OBJECTS:lossgen_kernels>)
add_library(lossgen::shared ALIAS lossgen_shared)
set_target_properties(lossgen_shared PROPERTIES OUTPUT_NAME lossgen VERSION ${PROJECT_VERSION} SOVERSION ${LOSSGEN_ABI}
                      LINKER_LANGUAGE CXX LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
target_link_libraries(lossgen_shared PRIVATE lossgen_kernels INTERFACE lossgen_headers)
target_link_options(lossgen_shared PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map
                    INTERFACE LINKER:--no-as-needed)

add_library(lossgen_static STATIC $<TARGET_OBJECTS:lossgen_runtime> $<TARGET_OBJECTS:lossgen_kernels>)
add_library(lossgen::static ALIAS lossgen_static)
set_target_properties(lossgen_static PROPERTIES OUTPUT_NAME lossgen LINKER_LANGUAGE CXX)
target_link_libraries(lossgen_static INTERFACE lossgen_headers Threads::Threads ${CMAKE_DL_LIBS})
target_link_options(lossgen_static INTERFACE LINKER:--undefined=lossgen_kernels)
add_dependencies(lossgen_static lossgen_kernels)
get_property(folder GLOBAL PROPERTY _lossgen_folder_lossgen_kernels)
_lossgen_append_objects(lossgen_static ${folder})

# Part of another project, they are built when something links them.
if(NOT PROJECT_IS_TOP_LEVEL)
  set_target_properties(lossgen_kernels lossgen_shared lossgen_static PROPERTIES EXCLUDE_FROM_ALL TRUE)
endif()
