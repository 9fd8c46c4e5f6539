# lossgen_add_library(<name>
#   [OPS op...] [DTYPES dtype...] [LAYOUTS layout...] [TARGETS target...]  what to build; each left out: all there are (targets: but cuda-sm75, cuda-sm86 and opencl)
#   [CLASSES n...]       class counts known at compile time, which get kernels of their own beside the general ones
#   [TUNE_SHAPES shape...]  logits of your program, as 4096x1000 or 8x21x256x256, that <name>_tune measures
#   [SCHEDULES file...]  tuned schedules (JSON); later files override earlier ones. amd-epyc-9004, amd-epyc-9005, nvidia-h200: the files of these names that come with lossgen
#   [SCHEDULES_STALE error | warn | ignore]  what a file is that was tuned for other pipelines than this generator's
#   [STATIC | SHARED]    default: by BUILD_SHARED_LIBS
#   [PREFIX name])       first part of the symbols' and files' names; default: <name>
# The variable LOSSGEN_SANITIZE, address or thread, asks for kernels that this sanitizer watches. LOSSGEN_KERNEL_CACHE names a folder in
# which compiled kernels are kept for other libraries and build folders. LOSSGEN_JOB_POOL names one of your Ninja job pools, in which kernels
# are emitted: with a pool of one job, what a library leaves in the cache serves the next one, and each has all cores.
#
# Adds a library target of kernels that register themselves with lossgen::runtime when the program (or plugin) that is
# linked with it is loaded. Targets of another CPU than the one compiled for are skipped with a status line, so that one
# list serves native and cross builds. `lossgen_add_library` needs a generator for the machine that builds:
# the variable LOSSGEN_GENERATOR, or the target lossgen::generator.
#
# The target <name>_tune, which nothing builds by itself, tunes the library's kernels on this machine and writes the last file of
# your own in SCHEDULES, or <name>_tuned.json in the build folder, with a report beside it; lossgen_tune does so for all libraries, one after
# the other. The variable LOSSGEN_TUNE_OPTIONS has more options of `lossgen tune`: --budget 10, --runner ...
#
# STATIC: the objects are added to the archive after it is made, because their names are the generator's business and
# not known when CMake runs. SHARED: the library holds a copy of the runtime and exports lossgen_* and its table; when
# several are loaded, the dynamic linker lets the first one's lossgen_* serve all of them.
include_guard(GLOBAL)

# Targets and the machine that each is for, "x86-64-v3=x86-64", from the list that generator and runtime share.
set(_lossgen_header ${CMAKE_CURRENT_LIST_DIR}/../generator/abi/lossgen/kernel_abi.h)
if(NOT EXISTS ${_lossgen_header})
  set(_lossgen_header ${_lossgen_include}/lossgen/kernel_abi.h)
endif()
file(STRINGS ${_lossgen_header} _lossgen_lines REGEX "^ *X\\([a-z0-9_]+, *\"[^\"]+\", *\"[^\"]+\"\\)")
string(REPLACE "\\" "" _lossgen_lines "${_lossgen_lines}")  # of continued lines
set(_lossgen_targets "")
foreach(_lossgen_line IN LISTS _lossgen_lines)
  string(REGEX REPLACE "^[^\"]*\"([^\"]+)\", *\"([^\"]+)\".*" "\\1=\\2" _lossgen_line "${_lossgen_line}")
  list(APPEND _lossgen_targets ${_lossgen_line})
endforeach()
set_property(GLOBAL PROPERTY _lossgen_targets ${_lossgen_targets})
file(STRINGS ${_lossgen_header} _lossgen_on_request REGEX "^#define LOSSGEN_TARGETS_ON_REQUEST ")
set_property(GLOBAL PROPERTY _lossgen_on_request "${_lossgen_on_request}")

# The tuned schedules that come with lossgen, in its sources or in the package.
set_property(GLOBAL PROPERTY _lossgen_schedules ${CMAKE_CURRENT_LIST_DIR}/../schedules/tuned)
if(_lossgen_data)
  set_property(GLOBAL PROPERTY _lossgen_schedules ${_lossgen_data}/schedules)
endif()

# The CPU part of target names for the system compiled for, "" where lossgen has none.
function(_lossgen_cpu result)
  string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
  set(cpu "")
  if(processor MATCHES "^(x86_64|amd64)$")
    set(cpu x86-64)
  elseif(processor MATCHES "^(aarch64|arm64)$")
    set(cpu arm64)
  endif()
  set(${result} "${cpu}" PARENT_SCOPE)
endfunction()

# The command that runs the generator and what it depends on.
function(_lossgen_generator command depends)
  if(LOSSGEN_GENERATOR)
    if(NOT EXISTS "${LOSSGEN_GENERATOR}")
      message(FATAL_ERROR "LOSSGEN_GENERATOR: there is no '${LOSSGEN_GENERATOR}'")
    endif()
    set(${command} "${LOSSGEN_GENERATOR}" PARENT_SCOPE)
    set(${depends} "${LOSSGEN_GENERATOR}" PARENT_SCOPE)
  elseif(TARGET lossgen::generator)
    set(${command} "$<TARGET_FILE:lossgen::generator>" PARENT_SCOPE)
    set(${depends} "$<TARGET_FILE:lossgen::generator>" PARENT_SCOPE)
    get_target_property(imported lossgen::generator IMPORTED)
    if(NOT imported)
      set(${depends} lossgen::generator PARENT_SCOPE)
    endif()
  else()
    message(FATAL_ERROR "lossgen_add_library: no generator; set LOSSGEN_GENERATOR to a `lossgen` command that runs on "
                        "this machine, or install the component `generator`")
  endif()
endfunction()

# Adds the objects that the generator listed in a folder to a static library.
function(_lossgen_append_objects target folder)
  set(ar ${CMAKE_AR})
  if(CMAKE_CXX_COMPILER_AR)
    set(ar ${CMAKE_CXX_COMPILER_AR})  # knows the compiler's LTO objects
  endif()
  add_custom_command(TARGET ${target} POST_BUILD COMMAND ${ar} qcs $<TARGET_FILE:${target}> @objects.txt
                     WORKING_DIRECTORY ${folder} VERBATIM)
endfunction()

# The target that tunes a library, from the lists of its request.
function(_lossgen_add_tune name file cpu targets)
  cmake_parse_arguments(PARSE_ARGV 4 arg "" "" "OPS;DTYPES;LAYOUTS;CLASSES;TUNE_SHAPES")
  if(NOT arg_DTYPES)
    set(arg_DTYPES f32 f64 f16 bf16)
  endif()
  list(FILTER targets INCLUDE REGEX "^${cpu}")
  if(NOT targets)
    return()
  endif()
  set(options "")
  foreach(list OPS DTYPES LAYOUTS CLASSES)
    if(arg_${list})
      string(TOLOWER ${list} option)
      list(APPEND options --${option} ${arg_${list}})
    endif()
  endforeach()
  if(arg_TUNE_SHAPES)
    list(APPEND options --shapes ${arg_TUNE_SHAPES})
  endif()
  _lossgen_generator(generator generator_files)
  string(REGEX REPLACE "\\.json$" "" base "${file}")
  get_filename_component(base "${base}" NAME)
  set(base ${CMAKE_CURRENT_BINARY_DIR}/lossgen/tune/${base})
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/lossgen/tune)
  # On the terminal, because it shows progress; and one at a time, because each wants the machine to itself.
  add_custom_target(${name}_tune
    COMMAND ${generator} tune -o ${file} --targets ${targets} ${options} --cxx ${CMAKE_CXX_COMPILER}
            --log ${base}.log.jsonl --work ${base}.work --report ${base}.html ${LOSSGEN_TUNE_OPTIONS}
    DEPENDS ${generator_files} USES_TERMINAL VERBATIM COMMENT "lossgen: tuning ${name}")
  if(NOT TARGET lossgen_tune)
    add_custom_target(lossgen_tune)
  endif()
  get_property(before GLOBAL PROPERTY _lossgen_last_tune)
  if(before)
    add_dependencies(${name}_tune ${before})
  endif()
  set_property(GLOBAL PROPERTY _lossgen_last_tune ${name}_tune)
  add_dependencies(lossgen_tune ${name}_tune)
endfunction()

function(lossgen_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "STATIC;SHARED" "PREFIX;SCHEDULES_STALE" "OPS;DTYPES;LAYOUTS;TARGETS;CLASSES;SCHEDULES;TUNE_SHAPES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "lossgen_add_library(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(arg_STATIC AND arg_SHARED)
    message(FATAL_ERROR "lossgen_add_library(${name}): STATIC and SHARED exclude each other")
  endif()
  if(NOT arg_STATIC AND NOT arg_SHARED AND BUILD_SHARED_LIBS)
    set(arg_SHARED TRUE)
  endif()
  if(NOT TARGET lossgen::runtime)
    message(FATAL_ERROR "lossgen_add_library(${name}): no target lossgen::runtime; the project must enable CXX before "
                        "find_package(lossgen), the runtime is compiled from source")
  endif()
  set(prefix ${name})
  if(arg_PREFIX)
    set(prefix ${arg_PREFIX})
  endif()
  if(NOT prefix MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "lossgen_add_library(${name}): the name goes into symbols and must be a C identifier; "
                        "PREFIX gives another one")
  endif()

  _lossgen_cpu(cpu)
  if(NOT cpu)
    message(FATAL_ERROR "lossgen_add_library(${name}): no kernels for CPU '${CMAKE_SYSTEM_PROCESSOR}'")
  endif()
  get_property(known GLOBAL PROPERTY _lossgen_targets)
  string(REGEX REPLACE "=[^;]*" "" names "${known}")
  set(all "")
  if(NOT arg_TARGETS)
    get_property(on_request GLOBAL PROPERTY _lossgen_on_request)
    foreach(target IN LISTS names)
      if(NOT on_request MATCHES "[\" ]${target}[\" ]")
        list(APPEND arg_TARGETS ${target})
      endif()
    endforeach()
    set(all TRUE)
  endif()
  set(targets "")
  set(skipped "")
  set(has_cpu "")
  foreach(target IN LISTS arg_TARGETS)
    if("${target}=${cpu}" IN_LIST known)
      list(APPEND targets ${target})
      set(has_cpu TRUE)
    elseif("${target}=x86-64" IN_LIST known OR "${target}=arm64" IN_LIST known)
      list(APPEND skipped ${target})
    elseif(target IN_LIST names)  # a device
      list(APPEND targets ${target})
    else()
      list(JOIN names ", " names)
      message(FATAL_ERROR "lossgen_add_library(${name}): unknown target '${target}' (valid: ${names})")
    endif()
  endforeach()
  if(NOT targets)
    message(FATAL_ERROR "lossgen_add_library(${name}): none of ${arg_TARGETS} is for ${cpu}")
  endif()
  if(skipped AND NOT all)
    list(JOIN skipped " " text)
    message(STATUS "lossgen: ${name}: skipped, not for ${cpu}: ${text}")
  endif()

  set(request --library ${prefix} --targets ${targets})
  if(NOT has_cpu)  # device kernels alone: launched by programs of this CPU
    list(APPEND request --host ${cpu})
  endif()
  foreach(list OPS DTYPES LAYOUTS CLASSES)
    if(arg_${list})
      string(TOLOWER ${list} option)
      list(APPEND request --${option} ${arg_${list}})
    endif()
  endforeach()
  if(LOSSGEN_SANITIZE)
    list(APPEND request --sanitize ${LOSSGEN_SANITIZE})
  endif()
  if(LOSSGEN_KERNEL_CACHE)
    get_filename_component(cache "${LOSSGEN_KERNEL_CACHE}" ABSOLUTE BASE_DIR ${CMAKE_BINARY_DIR})
    list(APPEND request --cache ${cache})
  endif()
  set(schedules "")
  set(tuned ${CMAKE_CURRENT_BINARY_DIR}/${name}_tuned.json)
  get_property(ready GLOBAL PROPERTY _lossgen_schedules)
  foreach(file IN LISTS arg_SCHEDULES)
    if(file MATCHES "^[a-z0-9-]+$" AND EXISTS "${ready}/${file}.json")
      set(file "${ready}/${file}.json")
    else()
      get_filename_component(file "${file}" ABSOLUTE)
      set(tuned "${file}")
    endif()
    list(APPEND schedules "${file}")
  endforeach()
  if(schedules)
    list(APPEND request --schedules ${schedules})
  endif()
  if(arg_SCHEDULES_STALE)
    list(APPEND request --stale ${arg_SCHEDULES_STALE})
  endif()

  _lossgen_add_tune(${name} ${tuned} ${cpu} "${targets}" OPS ${arg_OPS} DTYPES ${arg_DTYPES} LAYOUTS ${arg_LAYOUTS}
                    CLASSES ${arg_CLASSES} TUNE_SHAPES ${arg_TUNE_SHAPES})

  set(out ${CMAKE_CURRENT_BINARY_DIR}/lossgen/${name})
  set(folder ${out}/linux-x86_64)
  if(cpu STREQUAL arm64)
    set(folder ${out}/linux-aarch64)
  endif()
  set_property(GLOBAL PROPERTY _lossgen_folder_${name} ${folder})
  set(table ${folder}/${prefix}_table.cpp)
  _lossgen_generator(generator generator_files)
  set(pool "")
  if(LOSSGEN_JOB_POOL)
    set(pool JOB_POOL ${LOSSGEN_JOB_POOL})
  endif()
  # The stamp is what the build system compares; files that did not change keep their time, so that what depends on
  # them is not built again. The table's text contains a hash of all objects and changes with any of them.
  add_custom_command(
    OUTPUT ${out}/stamp
    BYPRODUCTS ${table} ${folder}/${prefix}_kernels.h ${folder}/manifest.json ${folder}/objects.txt
               ${folder}/CMakeLists.txt
    COMMAND ${generator} emit -o ${out} ${request}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/stamp
    DEPENDS ${generator_files} ${schedules}
    COMMENT "lossgen: kernels of ${name}"
    ${pool} VERBATIM)

  set(archive ${name})
  if(arg_SHARED)
    set(archive ${name}_archive)
  endif()
  add_library(${archive} STATIC ${table} ${out}/stamp)
  set_source_files_properties(${table} PROPERTIES GENERATED TRUE)
  set_target_properties(${archive} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${archive} PUBLIC lossgen::runtime)
  target_include_directories(${archive} INTERFACE $<BUILD_INTERFACE:${folder}>)
  # Nothing refers to the table, which refers to everything else: this keeps it linked, and hence registered.
  target_link_options(${archive} INTERFACE LINKER:--undefined=${prefix}_kernels)
  _lossgen_append_objects(${archive} ${folder})
  if(NOT arg_SHARED)
    return()
  endif()

  file(CONFIGURE OUTPUT ${out}/exports.map CONTENT "{ global: lossgen_*; ${prefix}_kernels; local: *; };\n")
  # The runtime as a whole: the library exports its functions, whether the table uses them or not.
  add_library(${name} SHARED $<TARGET_OBJECTS:${archive}> $<TARGET_OBJECTS:lossgen::runtime>)
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX LINK_DEPENDS ${out}/exports.map)
  target_link_libraries(${name} PRIVATE ${archive} PUBLIC lossgen::headers)
  target_include_directories(${name} INTERFACE $<BUILD_INTERFACE:${folder}>)
  # A linker that is told --as-needed (the default of some distributions) would drop a library of which only the
  # constructor is wanted.
  target_link_options(${name} PRIVATE LINKER:--version-script=${out}/exports.map INTERFACE LINKER:--no-as-needed)
endfunction()
