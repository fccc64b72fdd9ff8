# SPDX-License-Identifier: MIT
# The ES module, full and slim. One glue for all hosts: it is built for web and worker, and each host's loader
# (js/entry/) hands it the module, so that it never looks for a file, a `require` or an `eval`.
find_program(NODE_PROGRAM node REQUIRED)
set(glue_options
    -sMODULARIZE=1 -sEXPORT_ES6=1 -sEXPORT_NAME=createHB -sENVIRONMENT=web,worker
    -sALLOW_MEMORY_GROWTH=1 -sINITIAL_MEMORY=16MB -sMEMORY_GROWTH_GEOMETRIC_STEP=0.05 -sWASM_BIGINT=1 -sDYNAMIC_EXECUTION=0
    -sINCOMING_MODULE_JS_API=instantiateWasm,wasmBinary,locateFile,print,printErr
    --no-entry)
# Renamed in Emscripten 3.1.27, after the release that Debian 12 ships.
if(EMSCRIPTEN_VERSION VERSION_LESS 3.1.27)
    list(APPEND glue_options -sTOTAL_STACK=1MB)
else()
    list(APPEND glue_options -sSTACK_SIZE=1MB)
endif()
set(glue_full -sFORCE_FILESYSTEM=1 -lidbfs.js -sEXPORTED_RUNTIME_METHODS=FS,IDBFS)
set(glue_slim -sFILESYSTEM=0)

# Copies loops into calls of itself otherwise.
set_source_files_properties(src/abi/memcpy.c PROPERTIES COMPILE_OPTIONS "${HB_OPTIMIZE_HOT};-fno-builtin")

# hb_module(<output name> <core library> <link options>...)
function(hb_module output core with_sqlite)
    add_executable(${output} ${HB_ABI_SOURCES})
    set_target_properties(${output} PROPERTIES SUFFIX ".mjs" RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/glue")
    target_compile_definitions(${output} PRIVATE HB_WITH_SQLITE=${with_sqlite} HB_WITH_FILES=${with_sqlite})
    target_link_libraries(${output} PRIVATE ${core})
    target_link_options(${output} PRIVATE -O3 ${glue_options} ${ARGN})
    set(raw "${PROJECT_BINARY_DIR}/glue/${output}")
    add_custom_command(
        OUTPUT "${HB_DIST_DIR}/${output}.mjs" "${HB_DIST_DIR}/${output}.wasm"
        COMMAND ${NODE_PROGRAM} "${PROJECT_SOURCE_DIR}/scripts/minify-glue.mjs" "${raw}.mjs" "${HB_DIST_DIR}/${output}.mjs"
        COMMAND ${CMAKE_COMMAND} -E copy "${raw}.wasm" "${HB_DIST_DIR}/${output}.wasm"
        DEPENDS ${output} "${PROJECT_SOURCE_DIR}/scripts/minify-glue.mjs" VERBATIM)
    add_custom_target(${output}_dist ALL DEPENDS "${HB_DIST_DIR}/${output}.mjs" "${HB_DIST_DIR}/${output}.wasm")
endfunction()

hb_variant(hb_core_full WITH_SQLITE 1)
hb_variant(hb_core_slim WITH_SQLITE 0)
if(HB_ABI_SOURCES)
    hb_module(hb hb_core_full 1 ${glue_full})
    hb_module(hb-slim hb_core_slim 0 ${glue_slim})
endif()
