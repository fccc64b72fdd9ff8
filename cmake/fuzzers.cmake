# SPDX-License-Identifier: MIT
# fuzz_<name>: each tests/fuzz/<name>_fuzz.c as a libFuzzer program over the whole core. The core and what parses for it
# report their coverage (HB_FUZZ_COVERAGE in flags.cmake), SQLite does not: it has its own fuzzers.
foreach(parser cjson yyjson pcre2 utf8proc)
    target_compile_options(${parser} PRIVATE ${HB_FUZZ_COVERAGE})
endforeach()

file(GLOB fuzz_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.c")
add_library(fuzz_support OBJECT "${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz.c"
    "${PROJECT_SOURCE_DIR}/tests/unit/support/memory_fs.c" "${PROJECT_SOURCE_DIR}/tests/unit/support/memory_vfs.c")
target_link_libraries(fuzz_support PUBLIC hb_core)
foreach(source IN LISTS fuzz_sources)
    get_filename_component(name "${source}" NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" name "${name}")
    add_executable(fuzz_${name} "${source}" $<TARGET_OBJECTS:fuzz_support>)
    target_link_libraries(fuzz_${name} PRIVATE hb_core)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
endforeach()
