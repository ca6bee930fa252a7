#include "edge/redis/forms.h"

#include "base/container.h"

void
forms_drop_later(struct forms *forms)
{
	loop_flush_later(forms->loop, &forms->forgetting);
}

struct slice
forms_take_room(struct forms *forms, size_t size)
{
	struct slice s = { .len = size };

	if (size > FORMS_SMALL) {
		s.blob = blob_new(size);
		return s;
	}
	if (forms->room == NULL || BLOB_CHUNK - forms->room_used < size) {
		blob_unref(forms->room);
		forms->room = blob_new(BLOB_CHUNK);
		forms->room_used = 0;
		forms_drop_later(forms);
	}
	s.blob = blob_ref(forms->room);
	s.off = forms->room_used;
	forms->room_used += size;
	return s;
}

void
forms_drop_translation(struct forms *forms)
{
	struct forms_translation *t = &forms->translation;

	blob_unref(t->source.blob);
	blob_unref(t->run.bytes.blob);
	*t = (struct forms_translation){ 0 };
}

static void
drop_written(struct forms_written *written)
{
	blob_unref(written->source.blob);
	blob_unref(written->bytes.blob);
	*written = (struct forms_written){ 0 };
}

struct slice
forms_copy(struct forms *forms, size_t i, const struct slice *s)
{
	struct forms_written *copy = &forms->strings[i];

	if (copy->source.blob != s->blob || copy->source.off != s->off ||
	    copy->source.len != s->len) {
		drop_written(copy);
		copy->source = *s;
		blob_ref(s->blob);
		copy->bytes = (struct slice){ blob_copy(slice_data(s), s->len),
			0, s->len };
		forms_drop_later(forms);
	}
	return copy->bytes;
}

void
forms_drop(struct forms *forms)
{
	for (size_t i = 0; i < 2; i++) {
		drop_written(&forms->written[i]);
		drop_written(&forms->strings[i]);
	}
	forms_drop_translation(forms);
	blob_unref(forms->room);
	forms->room = NULL;
}

static void
on_forgetting(struct loop_task *task)
{
	forms_drop(container_of(task, struct forms, forgetting));
}

void
forms_init(struct forms *forms, struct loop *loop)
{
	*forms = (struct forms){
		.loop = loop,
		.forgetting.run = on_forgetting,
	};
}
