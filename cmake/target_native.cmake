# SPDX-License-Identifier: MIT
# The library and its unit tests on the machine itself.
hb_variant(hb_core WITH_SQLITE 1)
find_library(MATH_LIBRARY m)
target_link_libraries(hb_core PUBLIC ${MATH_LIBRARY})
include(cmake/unit_tests.cmake)
