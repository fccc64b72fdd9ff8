# SPDX-License-Identifier: MIT
# The C libraries in third_party/, brought there by scripts/third-party.mjs. Static, warnings off.
set(HB_THIRD_PARTY_DIR "${PROJECT_SOURCE_DIR}/third_party")

# third_party_library(<name> [OPTIMIZE <flag>] SOURCES <file>... [DEFINES <macro>...] [PUBLIC_DEFINES <macro>...])
function(third_party_library name)
    cmake_parse_arguments(LIB "" "OPTIMIZE" "SOURCES;DEFINES;PUBLIC_DEFINES" ${ARGN})
    set(folder "${HB_THIRD_PARTY_DIR}/${name}")
    if(NOT EXISTS "${folder}/.pin")
        message(FATAL_ERROR "third_party/${name} is missing; run: node scripts/run.mjs setup")
    endif()
    if(NOT LIB_OPTIMIZE)
        set(LIB_OPTIMIZE ${HB_OPTIMIZE_SMALL})
    endif()
    list(TRANSFORM LIB_SOURCES PREPEND "${folder}/")
    add_library(${name} STATIC EXCLUDE_FROM_ALL ${LIB_SOURCES})
    target_include_directories(${name} SYSTEM PUBLIC "${folder}")
    target_compile_definitions(${name} PRIVATE ${LIB_DEFINES} PUBLIC ${LIB_PUBLIC_DEFINES})
    target_compile_options(${name} PRIVATE -w ${LIB_OPTIMIZE} ${HB_TARGET_FLAGS} ${HB_SANITIZE_THIRD_PARTY})
endfunction()

# third_party_trim(<name> SOURCES <file>... [INCLUDED <file>...]): adds sources that scripts/trim-<name>.mjs writes from
# those of the same name, with less data. It checks what it leaves out itself.
find_program(NODE_PROGRAM node REQUIRED)
function(third_party_trim name)
    cmake_parse_arguments(LIB "" "" "SOURCES;INCLUDED" ${ARGN})
    set(folder "${HB_THIRD_PARTY_DIR}/${name}")
    set(trimmed "${PROJECT_BINARY_DIR}/trimmed/${name}")
    set(script "${PROJECT_SOURCE_DIR}/scripts/trim-${name}.mjs")
    list(TRANSFORM LIB_SOURCES PREPEND "${trimmed}/")
    list(TRANSFORM LIB_INCLUDED PREPEND "${trimmed}/")
    add_custom_command(
        OUTPUT ${LIB_SOURCES} ${LIB_INCLUDED}
        COMMAND ${NODE_PROGRAM} "${script}" "${folder}" "${trimmed}"
        DEPENDS "${script}" "${folder}/.pin" VERBATIM)
    target_sources(${name} PRIVATE ${LIB_SOURCES})
endfunction()

# The progress handler stays (deadlines, abort) and so do the depth limits; the core has its own text index, so no FTS5.
third_party_library(sqlite OPTIMIZE ${HB_OPTIMIZE_SQLITE}
    SOURCES sqlite3.c
    DEFINES
        SQLITE_THREADSAFE=0 SQLITE_DQS=0 SQLITE_DEFAULT_MEMSTATUS=0 SQLITE_TEMP_STORE=2
        SQLITE_DEFAULT_WAL_SYNCHRONOUS=1 SQLITE_LIKE_DOESNT_MATCH_BLOBS SQLITE_USE_ALLOCA
        SQLITE_OMIT_LOAD_EXTENSION SQLITE_OMIT_DEPRECATED SQLITE_OMIT_SHARED_CACHE SQLITE_OMIT_UTF16
        # No SQL comes from outside: what only that would use.
        SQLITE_OMIT_AUTHORIZATION SQLITE_OMIT_TRACE SQLITE_OMIT_DECLTYPE SQLITE_OMIT_DATETIME_FUNCS
        SQLITE_OMIT_COMPILEOPTION_DIAGS SQLITE_OMIT_TCL_VARIABLE SQLITE_OMIT_DESERIALIZE SQLITE_OMIT_XFER_OPT
        SQLITE_OMIT_INTROSPECTION_PRAGMAS SQLITE_OMIT_INCRBLOB SQLITE_OMIT_GET_TABLE SQLITE_UNTESTABLE)
# Its loops are short: copies of their bodies are bytes for nothing.
target_compile_options(sqlite PRIVATE -fno-unroll-loops -fno-vectorize -fno-slp-vectorize)

third_party_library(cjson SOURCES cJSON.c)
target_include_directories(cjson PRIVATE "${PROJECT_SOURCE_DIR}/src")
target_compile_options(cjson PRIVATE -include "${PROJECT_SOURCE_DIR}/src/base/num_cjson.h")

# Reading and writing standard JSON only: no JSON pointer, patch or merge, no JSON5. It reads calls and single values,
# not rows: inlining by force would more than double its code for nothing.
third_party_library(yyjson
    PUBLIC_DEFINES YYJSON_DISABLE_UTILS=1 YYJSON_DISABLE_NON_STANDARD=1 yyjson_inline=inline)
third_party_trim(yyjson SOURCES yyjson.c)

# 8-bit, Unicode, no JIT, no DFA matching, no pattern conversion, the smallest links. The match limits are defaults; the core passes its own.
third_party_library(pcre2
    SOURCES
        pcre2_auto_possess.c pcre2_chartables.c pcre2_chkdint.c pcre2_compile.c pcre2_compile_class.c
        pcre2_config.c pcre2_context.c pcre2_error.c pcre2_extuni.c pcre2_find_bracket.c pcre2_maketables.c
        pcre2_match_data.c pcre2_newline.c pcre2_ord2utf.c pcre2_pattern_info.c pcre2_script_run.c
        pcre2_serialize.c pcre2_string_utils.c pcre2_study.c pcre2_substitute.c pcre2_substring.c
        pcre2_valid_utf.c pcre2_xclass.c
    DEFINES
        SUPPORT_PCRE2_8 SUPPORT_UNICODE LINK_SIZE=2 HEAP_LIMIT=20000 MATCH_LIMIT=1000000 MATCH_LIMIT_DEPTH=10000
        MAX_NAME_COUNT=10000 MAX_NAME_SIZE=32 MAX_VARLOOKBEHIND=255 NEWLINE_DEFAULT=2 PARENS_NEST_LIMIT=100
        HAVE_MEMMOVE HAVE_STDINT_H HAVE_LIMITS_H
    PUBLIC_DEFINES PCRE2_CODE_UNIT_WIDTH=8 PCRE2_STATIC PCRE2_EXPORT=)

# Its character tables are most of its data, and most of that is of properties no pattern of ours names.
third_party_trim(pcre2 SOURCES pcre2_match.c pcre2_tables.c pcre2_ucd.c INCLUDED pcre2_ucptables.c)

third_party_library(utf8proc SOURCES utf8proc.c PUBLIC_DEFINES UTF8PROC_STATIC)
