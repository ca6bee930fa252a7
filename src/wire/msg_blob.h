/*
 * msg_blob - msgpack that is written becomes a blob.
 */
#ifndef PM2A_WIRE_MSG_BLOB_H
#define PM2A_WIRE_MSG_BLOB_H

#include "base/blob.h"
#include "wire/msg_writer.h"

/* Returns the bytes of a writer without a fault, and empties it. Many bytes are
 * not copied: then the writer begins with memory of its own again. */
struct blob *msg_blob_take(struct msg_writer *w)
    __attribute__((returns_nonnull));

#endif
