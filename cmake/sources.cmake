# SPDX-License-Identifier: MIT
# The one place that lists our C sources.
#   HB_CORE_SOURCES      the same objects in every target
#   HB_VARIANT_SOURCES   compiled once per variant: they see HB_WITH_SQLITE, HB_WITH_FILES and HB_WITH_REMOTE, which go
#                        together but in the WASI command, which reaches no network
#   HB_SQLITE_SOURCES    only where those are 1: SQLite, the engines on files, the intents kept in them
#   HB_SLIM_SOURCES      what stands in for those where they are 0
#   HB_ABI_SOURCES       Emscripten only;  HB_WASI_SOURCES: the WASI command only

# The layers in the order in which a query passes them, HB_LAYERS of CMakeLists.txt; a file may include its own layer
# and those to its left (tests/tidy holds that), and is found by lying in its layer's folder.
#
#   base       memory, text, errors, numbers    ->  text   folding, words, patterns
#   value      types, values, schemas, batches  ->  query  the spec decoded, bound, printed
#   eval       what each operator means         ->  plan   routing, splitting, explain
#   compile    fragments, jobs, the SQL writer  ->  index  BM25, vectors, top k
#   backends   one table per engine             ->  exec   the task machine, local operators
#   workspace  calls from request to answer     ->  abi or wasi, in front of all
set(HB_CORE_SOURCES "")
foreach(layer IN LISTS HB_LAYERS)
    if(layer STREQUAL "backends")
        file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/backends/*.c")
    else()
        file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src/${layer}/*.c")
    endif()
    list(APPEND HB_CORE_SOURCES ${found})
endforeach()
file(GLOB_RECURSE HB_ABI_SOURCES CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src/abi/*.c")
file(GLOB_RECURSE HB_WASI_SOURCES CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/wasi/*.c")

set(HB_SQLITE_SOURCES ${HB_CORE_SOURCES})
list(FILTER HB_SQLITE_SOURCES INCLUDE REGEX "^(backends/|src/workspace/intent)")
list(FILTER HB_SQLITE_SOURCES EXCLUDE REGEX "^backends/(inmem|instance|matrix|path|registry)")    # what the slim build has
list(REMOVE_ITEM HB_CORE_SOURCES ${HB_SQLITE_SOURCES})
set(HB_VARIANT_SOURCES ${HB_CORE_SOURCES})
list(FILTER HB_VARIANT_SOURCES INCLUDE REGEX "^backends/registry\\.c$")
list(FILTER HB_CORE_SOURCES EXCLUDE REGEX "^backends/registry\\.c$")
set(HB_SLIM_SOURCES ${HB_CORE_SOURCES})
list(FILTER HB_SLIM_SOURCES INCLUDE REGEX "^src/workspace/no_intents\\.c$")
list(FILTER HB_CORE_SOURCES EXCLUDE REGEX "^src/workspace/no_intents\\.c$")

# What runs once per row, word, component or cell of an answer pays for its bytes, each the more the further in it stands.
foreach(source IN LISTS HB_CORE_SOURCES HB_SQLITE_SOURCES)
    set(options "")
    if(source MATCHES "^(src/index/(text_(build|index|postings|terms)|vector_kernel)|src/text/words)\\.c$")
        set(options ${HB_OPTIMIZE_HOT} ${HB_OPTIMIZE_INLINE}) # a call of a helper costs more than the bytes of its copies
    elseif(source STREQUAL "src/value/wire.c") # its loops gain nothing from copies of themselves but a quarter in bytes
        set(options ${HB_OPTIMIZE_ENGINE} ${HB_OPTIMIZE_INLINE})
    elseif(source MATCHES "^(src/index/|src/base/(str|map|mem)\\.c$|src/text/words)")
        set(options ${HB_OPTIMIZE_HOT})
    elseif(source MATCHES "^(backends/inmem|src/eval/(leaf|pred|sort)|src/value/value\\.c$|src/text/(pattern|scan))")
        set(options ${HB_OPTIMIZE_ENGINE})
    endif()
    if(options)
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${options}")
    endif()
endforeach()

# Include roots, warnings and language level of our own code.
add_library(hb_flags INTERFACE)
target_include_directories(hb_flags INTERFACE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}")
target_compile_options(hb_flags INTERFACE ${HB_WARNINGS} ${HB_OPTIMIZE} ${HB_TARGET_FLAGS} ${HB_SANITIZE_FLAGS})
target_link_libraries(hb_flags INTERFACE cjson yyjson pcre2 utf8proc)

# hb_variant(<name> WITH_SQLITE <0|1>): the core as a static library of that variant.
function(hb_variant name flag with_sqlite)
    set(sources $<TARGET_OBJECTS:hb_objects> ${HB_VARIANT_SOURCES})
    if(with_sqlite)
        list(APPEND sources ${HB_SQLITE_SOURCES})
    else()
        list(APPEND sources ${HB_SLIM_SOURCES})
    endif()
    add_library(${name} STATIC ${sources})
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    target_compile_definitions(${name} PRIVATE HB_WITH_SQLITE=${with_sqlite} HB_WITH_FILES=${with_sqlite}
        HB_WITH_REMOTE=${with_sqlite})
    target_link_libraries(${name} PUBLIC hb_flags)
    if(with_sqlite AND HB_SQLITE_SOURCES)
        target_link_libraries(${name} PUBLIC sqlite)
    endif()
endfunction()

if(NOT HB_CORE_SOURCES)
    message(FATAL_ERROR "no C sources for the layers ${HB_LAYERS}")
endif()
add_library(hb_objects OBJECT ${HB_CORE_SOURCES})
target_link_libraries(hb_objects PUBLIC hb_flags)
