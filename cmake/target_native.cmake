# SPDX-License-Identifier: MIT
# The library and its unit tests on the machine itself; with clang and sanitizers the fuzzers too, over the same objects.
hb_variant(hb_core WITH_SQLITE 1)
find_library(MATH_LIBRARY m)
target_link_libraries(hb_core PUBLIC ${MATH_LIBRARY})
include(cmake/unit_tests.cmake)
if(HB_FUZZ_COVERAGE)
    include(cmake/fuzzers.cmake)
endif()
