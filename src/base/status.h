// SPDX-License-Identifier: MIT
/* Status codes: the one list from which the C enum, the JavaScript codes and docs/errors.md come.
 * Add one only if a caller would act differently on it. Values cross the boundary, so
 * never renumber. */
#ifndef HB_BASE_STATUS_H
#define HB_BASE_STATUS_H

#define HB_STATUS_LIST(X)                                                                         \
    X(OK, 0, "success")                                                                           \
    X(INVALID_ID, 1, "a workspace, backend, entity, field or object id is malformed or missing")  \
    X(VALIDATION, 2, "a value does not satisfy its field's type or constraints")                  \
    X(TYPE, 3, "an argument has the wrong shape: not a mapping, list, text or number as required") \
    X(SCHEMA, 4, "an entity definition is malformed")                                             \
    X(SCHEMA_CONFLICT, 5, "the entity is registered with a different structure")                  \
    X(DUPLICATE, 6, "the object_id exists already or occurs twice in one batch")                  \
    X(UNIQUE, 7, "a unique constraint rejects the value")                                         \
    X(AMBIGUOUS, 8, "the object_id exists in several entities")                                   \
    X(QUERY, 9, "the query is malformed")                                                        \
    X(UNKNOWN_FIELD, 10, "the entity has no such field")                                          \
    X(UNKNOWN_ENTITY, 11, "no such entity is registered")                                         \
    X(UNKNOWN_BACKEND, 12, "no such backend instance, type or option")                            \
    X(UNKNOWN_PRESET, 13, "no such preset")                                                       \
    X(UNSUPPORTED, 14, "no backend and no fallback can do this for that type and strategy")       \
    X(UNSUPPORTED_STORAGE, 15, "the backend cannot store this type")                              \
    X(ROUTING, 16, "a field is stored to a backend that the workspace does not have")             \
    X(LIMIT, 17, "a documented maximum is exceeded")                                              \
    X(MEMORY, 18, "memory could not be allocated")                                                \
    X(BACKEND, 19, "the storage engine reported an error")                                        \
    X(UNAVAILABLE, 20, "the backend cannot be reached or its driver is missing")                  \
    X(BAD_REPLY, 21, "the backend answered with something undocumented")                          \
    X(REFUSED, 22, "the backend refused the credentials or the operation")                        \
    X(CORRUPT, 23, "stored bytes cannot be decoded")                                              \
    X(LOCKED, 24, "another owner holds the storage")                                              \
    X(PARTIAL_WRITE, 25, "a write that spans backends was completed only in part")                \
    X(CANCELLED, 26, "the caller aborted")                                                        \
    X(TIMEOUT, 27, "the deadline passed")                                                         \
    X(CLOSED, 28, "the workspace is closed or dropped")                                           \
    X(HOST, 29, "the host environment failed")                                                    \
    X(INTERNAL, 30, "a defect of this library")                                                   \
    X(RESTRICTED, 31, "edges lead to the row that is to be deleted")                               \
    X(COMPUTE, 32, "a function that computes a value failed, or cannot run in this host")         \
    X(UNKNOWN_COMPUTE, 33, "no function is registered under that name")                           \
    X(SCHEMA_DRIFT, 34, "another program changed the tables that an entity is stored in")         \
    X(FORMAT, 35, "what is stored, or given, is in the format of another version")

typedef enum hb_status {
#define X(name, value, text) HB_E_##name = value,
    HB_STATUS_LIST(X)
#undef X
    HB_STATUS_COUNT
} hb_status;

#define HB_OK HB_E_OK

/* The code's name without prefix ("VALIDATION"); "UNKNOWN" for a value outside the list. */
const char *hb_status_name(hb_status status);
/* One line that says what the code means. */
const char *hb_status_text(hb_status status);

#endif
