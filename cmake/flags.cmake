# SPDX-License-Identifier: MIT
# How our own code is compiled; third-party code has its own flags in third_party.cmake.

set(HB_WARNINGS
    -Wall -Wextra -Werror
    -Wshadow            # an inner name that hides an outer one
    -Wconversion        # every narrowing is written down
    -Wundef             # feature macros are 0 or 1, never absent
    -Wvla               # the wasm stack is small
    -Wswitch-enum       # a new enumerator visits every switch
    -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings
    -Wno-sign-conversion)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    list(APPEND HB_WARNINGS -Wno-string-conversion) # HB_ASSERT(!"why") is how an impossible branch says why
endif()

if(EMSCRIPTEN OR CMAKE_SYSTEM_NAME STREQUAL "WASI")
    set(HB_TARGET_FLAGS -msimd128)
else()
    set(HB_TARGET_FLAGS "")
endif()

# CMake's Release would add -O3 and -DNDEBUG; the levels are chosen per part below.
set(CMAKE_C_FLAGS_RELEASE "")
# Messages and asserts name files as they stand in the tree, wherever it was built.
set(HB_TARGET_FLAGS ${HB_TARGET_FLAGS} "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
set(HB_OPTIMIZE -Oz) # most of the code runs once per call: its bytes cost more than its cycles
set(HB_OPTIMIZE_SMALL -Oz)
set(HB_OPTIMIZE_ENGINE -O2)
set(HB_OPTIMIZE_SQLITE -Os) # a third of its bytes less than at -O2
set(HB_OPTIMIZE_HOT -O3)
set(HB_OPTIMIZE_INLINE -finline-functions) # inlining again, which the -Oz before it turned off for good

if(HB_SANITIZE)
    set(HB_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
    set(HB_SANITIZE_THIRD_PARTY -fsanitize=address -fno-omit-frame-pointer)
    # Checked code takes the optimiser four times as long as the rest of the compiler (SQLite: fourteen times), which
    # only what runs most pays back.
    set(HB_OPTIMIZE -O0)
    set(HB_OPTIMIZE_SMALL -O1)
    set(HB_OPTIMIZE_ENGINE -O0)
    set(HB_OPTIMIZE_SQLITE -O0)
    set(HB_OPTIMIZE_HOT -O1)
    add_link_options(-fsanitize=address,undefined)
    if(CMAKE_C_COMPILER_ID MATCHES "Clang")
        set(HB_FUZZ_COVERAGE -fsanitize=fuzzer-no-link)
        list(APPEND HB_SANITIZE_FLAGS ${HB_FUZZ_COVERAGE})
        add_link_options(-fuse-ld=lld) # a dozen programs of the whole core each; GNU ld takes three times as long
    endif()
else()
    set(HB_SANITIZE_FLAGS "")
    set(HB_SANITIZE_THIRD_PARTY "")
endif()
