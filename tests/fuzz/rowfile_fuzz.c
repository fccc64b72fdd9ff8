// SPDX-License-Identifier: MIT
/* Row files of the json backend. */
#include "tests/fuzz/row_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return row_files_one(&files_json, data, size); }
