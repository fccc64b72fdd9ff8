# SPDX-License-Identifier: MIT
# hb_unit: every tests/unit/**/*_test.c in one program, native and as wasm from the same sources. Each file
# defines one suite with TEST_SUITE (tests/unit/test.h); the list of suites is generated here.
file(GLOB_RECURSE all_tests CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/tests/unit"
    "${PROJECT_SOURCE_DIR}/tests/unit/*_test.c")
set(tests "")
foreach(test IN LISTS all_tests)
    string(REGEX MATCH "^[^/]*" layer "${test}")
    list(FIND HB_LAYERS "${layer}" layer_index)
    # A test outside a layer's folder needs the whole core.
    list(FIND HB_LAYERS "workspace" whole)
    if((layer_index GREATER -1 OR whole GREATER -1) AND (NOT HB_UNIT_ONLY OR test MATCHES "${HB_UNIT_ONLY}"))
        list(APPEND tests ${test})
    endif()
endforeach()

set(declarations "")
set(entries "")
set(test_sources "")
foreach(test IN LISTS tests)
    string(REGEX REPLACE "_test\\.c$" "" name "${test}")
    string(MAKE_C_IDENTIFIER "suite_${name}" symbol)
    string(APPEND declarations "void ${symbol}(void);\n")
    string(APPEND entries "    {\"${name}\", ${symbol}},\n")
    list(APPEND test_sources "${PROJECT_SOURCE_DIR}/tests/unit/${test}")
    set_source_files_properties("${PROJECT_SOURCE_DIR}/tests/unit/${test}" PROPERTIES
        COMPILE_DEFINITIONS "TEST_SUITE_SYMBOL=${symbol}")
endforeach()
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/suites.h" CONTENT "${declarations}static const test_suite suites[] = {\n${entries}    {0, 0},\n};\n" @ONLY)

file(GLOB helper_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/unit/support/*.c")
add_executable(hb_unit "${PROJECT_SOURCE_DIR}/tests/unit/runner.c" ${test_sources} ${helper_sources})
target_include_directories(hb_unit PRIVATE "${PROJECT_BINARY_DIR}")
target_link_libraries(hb_unit PRIVATE hb_core)
