# SPDX-License-Identifier: MIT
# clang for wasm32-wasi with the distribution's wasi-libc.
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
find_program(HB_WASI_CLANG NAMES clang-19 clang REQUIRED)
find_program(HB_WASI_AR NAMES llvm-ar-19 llvm-ar REQUIRED)
find_program(HB_WASI_RANLIB NAMES llvm-ranlib-19 llvm-ranlib REQUIRED)
set(CMAKE_C_COMPILER "${HB_WASI_CLANG}")
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_AR "${HB_WASI_AR}")
set(CMAKE_RANLIB "${HB_WASI_RANLIB}")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
