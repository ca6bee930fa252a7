#include "wire/msg_blob.h"

#define ADOPT_FROM (1 << 20) /* bytes that are not copied */

struct blob *
msg_blob_take(struct msg_writer *w)
{
	struct blob *blob;

	if (w->len < ADOPT_FROM) {
		blob = blob_copy(w->data, w->len);
		w->len = 0;
		return blob;
	}
	blob = blob_adopt(w->data, w->size);
	*w = (struct msg_writer){ 0 };
	return blob;
}
