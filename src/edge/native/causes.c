#include "edge/native/causes.h"

#include <stddef.h>

#define CAUSE(name) const struct conn_cause native_##name

CAUSE(bad_frame) = { "bad-frame", .is_protocol = true };
CAUSE(frame_too_big) = { "frame-too-big", .is_protocol = true };
CAUSE(unknown_type) = { "unknown-type", .is_protocol = true };
CAUSE(bad_flags) = { "bad-flags", .is_protocol = true };
CAUSE(bad_topic) = { "bad-topic", .is_protocol = true };
CAUSE(bad_body) = { "bad-body", .is_protocol = true };
CAUSE(hello_expected) = { "hello-expected", .is_protocol = true };
CAUSE(hello_timeout) = { "hello-timeout", .is_protocol = true };
CAUSE(bad_hello) = { "bad-hello", .is_protocol = true };
CAUSE(bad_version) = { "bad-version", .is_protocol = true };
CAUSE(bad_state) = { "bad-state", .is_protocol = true };

const struct conn_cause *const native_causes[] = {
	&native_bad_frame,
	&native_frame_too_big,
	&native_unknown_type,
	&native_bad_flags,
	&native_bad_topic,
	&native_bad_body,
	&native_hello_expected,
	&native_hello_timeout,
	&native_bad_hello,
	&native_bad_version,
	&native_bad_state,
	NULL,
};
