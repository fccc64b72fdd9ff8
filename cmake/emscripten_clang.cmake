# SPDX-License-Identifier: MIT
# Compiles objects with Emscripten's own clang and the flags that emcc hands to it: emcc is a Python program that takes a
# third of a second to start, for each of two hundred objects. It still links. Where it does not say which clang and
# flags, all objects go through emcc, to the same bytes.
function(hb_em_config key result)
    execute_process(COMMAND "${HB_EM_CONFIG}" ${key} OUTPUT_VARIABLE value OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    set(${result} "${value}" PARENT_SCOPE)
endfunction()

# CLANG_ADD_VERSION is Debian's: its clang is called clang-14.
hb_em_config(LLVM_ROOT llvm_root)
hb_em_config(CLANG_ADD_VERSION clang_version)
set(em_clang "${llvm_root}/clang")
if(clang_version)
    set(em_clang "${em_clang}-${clang_version}")
endif()
execute_process(COMMAND "${CMAKE_C_COMPILER}" --cflags OUTPUT_VARIABLE em_flags OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)

if(EXISTS "${em_clang}" AND em_flags MATCHES "^-target wasm32")
    set(CMAKE_C_COMPILE_OBJECT "${em_clang} ${em_flags} <DEFINES> <INCLUDES> <FLAGS> -o <OBJECT> -c <SOURCE>")
    # What emcc adds when it sees -Oz.
    list(APPEND HB_OPTIMIZE -fno-inline-functions)
    list(APPEND HB_OPTIMIZE_SMALL -fno-inline-functions)
else()
    message(STATUS "emcc names no clang that is here: each object is compiled through emcc")
endif()
