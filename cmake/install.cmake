# Install rules. Components: runtime (liblossgen.so), development (headers, archives, CMake and pkg-config files, the
# runtime's sources), generator (the `lossgen` command with its libHalide). The tree may be moved after installation.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lossgen)
set(data_dir ${CMAKE_INSTALL_DATADIR}/lossgen)

# ---- Libraries and headers ----
install(TARGETS lossgen_shared lossgen_static
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)

# The headers twice: for compilers, and beside the runtime's sources, so that share/lossgen/runtime can be copied into
# another project as it is.
foreach(folder ${CMAKE_INSTALL_INCLUDEDIR} ${data_dir}/runtime/include)
  install(DIRECTORY runtime/include/lossgen DESTINATION ${folder} COMPONENT development FILES_MATCHING PATTERN "*.h*")
  install(FILES generator/abi/lossgen/kernel_abi.h DESTINATION ${folder}/lossgen COMPONENT development)
  install(FILES ${LOSSGEN_DLPACK_INCLUDE_DIR}/dlpack/dlpack.h DESTINATION ${folder}/dlpack COMPONENT development)
endforeach()
install(FILES runtime/CMakeLists.txt DESTINATION ${data_dir}/runtime COMPONENT development)
install(DIRECTORY runtime/src DESTINATION ${data_dir}/runtime COMPONENT development
        FILES_MATCHING PATTERN "*.cpp" PATTERN "*.h")
install(DIRECTORY tools/tune DESTINATION ${data_dir} COMPONENT development FILES_MATCHING PATTERN "*.cpp" PATTERN "*.h")
install(FILES schedules/schedule.schema.json DESTINATION ${data_dir} COMPONENT development)
foreach(file LICENSE THIRD_PARTY.md)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT development)
    install(FILES ${file} DESTINATION ${data_dir}/runtime COMPONENT development)
  endif()
endforeach()

# ---- Generator: its rules are in generator/CMakeLists.txt ----
set(generator_path "")
if(TARGET lossgen)
  set(generator_path ${CMAKE_INSTALL_BINDIR}/lossgen)
endif()

# ---- CMake package and pkg-config ----
_lossgen_cpu(LOSSGEN_CPU)
configure_package_config_file(
  cmake/lossgenConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/package/lossgenConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR data_dir generator_path)
# Independent of the CPU: the runtime is compiled from source, and a cross build may use the host's package.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/package/lossgenConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/package/lossgenConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/package/lossgenConfigVersion.cmake cmake/LossgenLibrary.cmake
        DESTINATION ${package_dir} COMPONENT development)

file(RELATIVE_PATH prefix_from_pc /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" prefix_from_pc ${prefix_from_pc})
configure_file(cmake/lossgen.pc.in ${CMAKE_CURRENT_BINARY_DIR}/package/lossgen.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/package/lossgen.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)
