# SPDX-License-Identifier: MIT
# The `hb` command and the same unit tests for any WASI preview 1 runtime.
set(wasi_emulation
    -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS)
target_compile_options(sqlite PRIVATE ${wasi_emulation})
target_compile_options(hb_flags INTERFACE ${wasi_emulation})
target_link_libraries(sqlite PUBLIC
    -lwasi-emulated-getpid -lwasi-emulated-mman -lwasi-emulated-signal -lwasi-emulated-process-clocks)
add_link_options(-Wl,-z,stack-size=1048576 -Wl,--strip-all)

hb_variant(hb_core WITH_SQLITE 1)
include(cmake/unit_tests.cmake)
set_target_properties(hb_unit PROPERTIES SUFFIX ".wasm")

if(HB_WASI_SOURCES)
    # A list of backends of its own, before the library's: a module of preview 1 reaches no network.
    add_executable(hb ${HB_WASI_SOURCES} "${PROJECT_SOURCE_DIR}/backends/registry.c")
    target_link_libraries(hb PRIVATE hb_core)
    target_compile_definitions(hb PRIVATE _POSIX_C_SOURCE=200809L HB_WITH_SQLITE=1 HB_WITH_FILES=1 HB_WITH_REMOTE=0)
    set_target_properties(hb PROPERTIES SUFFIX ".wasm" RUNTIME_OUTPUT_DIRECTORY "${HB_DIST_DIR}/wasi")
endif()
