#include "wire/topic_field.h"

#include <errno.h>

#include "wire/frame.h"

void
topic_field_begin(struct topic_field *field, size_t n)
{
	*field = (struct topic_field){
		.flags = n == 1 ? 0 : FRAME_SEVERAL,
		.n = n,
	};
	if (n != 1)
		msg_put_array(&field->w, n);
}

void
topic_field_add(struct topic_field *field, const void *topic, size_t len)
{
	if (field->flags == FRAME_SEVERAL) {
		msg_put_strn(&field->w, topic, len);
		return;
	}
	field->data = topic;
	field->len = len;
}

int
topic_field_end(struct topic_field *field)
{
	int r = 0;

	if (field->flags == FRAME_SEVERAL) {
		field->data = field->w.data;
		field->len = field->w.len;
	}
	if (field->w.fault)
		r = -ENOMEM;
	else if (field->len > TOPIC_FIELD_MAX || field->n > FRAME_SEVERAL_MAX)
		r = TOPIC_FIELD_E_TOO_BIG;
	if (r != 0)
		topic_field_fini(field);
	return r;
}

void
topic_field_fini(struct topic_field *field)
{
	msg_writer_fini(&field->w);
}
