# SPDX-License-Identifier: MIT
# Finds the Emscripten installation and hands over to its own toolchain file.
find_program(HB_EM_CONFIG em-config)
if(NOT HB_EM_CONFIG)
    message(FATAL_ERROR "emscripten is not installed; run: node scripts/run.mjs setup")
endif()
execute_process(COMMAND "${HB_EM_CONFIG}" EMSCRIPTEN_ROOT OUTPUT_VARIABLE emscripten_root
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
include("${emscripten_root}/cmake/Modules/Platform/Emscripten.cmake")
