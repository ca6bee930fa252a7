#include "net/piped.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "unit/support.h"

#define HEAD 100
#define BIG (512 << 10)

/* The two ends of a socket: bytes that are written to far arrive at near. */
struct wire {
	int near, far;
};

static struct wire
open_wire(void)
{
	struct wire w;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	w = (struct wire){ fds[0], fds[1] };
	return w;
}

static void
close_wire(struct wire *w)
{
	close(w->near);
	close(w->far);
}

static void
end(void)
{
	piped_trim();
	blob_trim();
	ck_assert_uint_eq(blob_total_bytes(), 0);
	ck_assert_uint_eq(blob_held_bytes(), 0);
}

static const struct {
	const char *release;
	bool is_good;
} kernels[] = {
	{ "6.5.0", true },
	{ "6.18.44-amd64", true },
	{ "7.0-rc1", true },
	{ "6.4.16", false },
	{ "6.1.0-18-amd64", false },
	{ "5.10.0", false },
	{ "", false },
	{ "linux", false },
};

TEST_EACH(a_kernel_is_known_good_by_its_release, kernels)
{
	ck_assert(
	    piped_is_known_good(kernels[row].release) == kernels[row].is_good);
}

static uint8_t *
numbered(size_t len, unsigned seed)
{
	uint8_t *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed + i * 7 + i / 251);
	return bytes;
}

/* A piped blob of the bytes: its head as given, the rest through a socket, of
 * which at most step bytes wait at a time. */
static struct blob *
make(const uint8_t *bytes, size_t len, size_t step)
{
	struct wire w = open_wire();
	size_t head = len < HEAD ? len : HEAD, said = head, part;
	struct blob *blob = piped_new(bytes, head, head);
	ssize_t n;

	ck_assert_ptr_nonnull(blob);
	while (blob->size < len) {
		part = len - said < step ? len - said : step;
		n = write(w.far, bytes + said, part);
		said += n > 0 ? (size_t)n : 0;
		n = piped_fill(blob, w.near, len - blob->size);
		ck_assert_int_gt(n, 0);
	}
	ck_assert(piped_is(blob));
	close_wire(&w);
	return blob;
}

/* Sends the slice to its end, however short the writes are; the far end reads
 * and compares. */
static void
expect(struct slice s, const uint8_t *bytes, const struct wire *w)
{
	uint8_t *got = malloc(s.len + 1);
	size_t n_got = 0, wanted = s.len;
	ssize_t n;

	while (n_got < wanted) {
		n = s.len == 0 ? 0 : piped_send(&s, w->near);
		ck_assert(n >= 0 || errno == EAGAIN);
		s.off += n > 0 ? (size_t)n : 0;
		s.len -= n > 0 ? (size_t)n : 0;
		n = read(w->far, got + n_got, wanted - n_got + 1);
		n_got += n > 0 ? (size_t)n : 0;
	}
	ck_assert_uint_eq(n_got, wanted);
	ck_assert_mem_eq(got, bytes + s.off - wanted, wanted);
	free(got);
}

static const size_t sizes[] = { 1, HEAD, HEAD + 1, 4095, 4096, 4097, 32767,
	32768, 65536, 65537, 212992, 262145, BIG, 1 << 20 };

TEST_EACH(each_receiver_gets_the_bytes_and_the_last_empties_the_pipe, sizes)
{
	size_t len = sizes[row];
	uint8_t *bytes = numbered(len, 1);
	struct blob *blob = make(bytes, len, 65536);
	struct wire w = open_wire();

	ck_assert_uint_eq(blob->size, len);
	ck_assert_uint_eq(blob_total_bytes(), len);
	ck_assert_uint_eq(blob_held_bytes(), len);
	ck_assert_mem_eq(blob->data, bytes, len < HEAD ? len : HEAD);
	blob_ref(blob);
	for (int i = 0; i < 3; i++)
		expect((struct slice){ blob, 0, len }, bytes, &w);
	ck_assert(piped_is(blob));
	blob_unref(blob);
	expect((struct slice){ blob, 0, len }, bytes, &w);
	ck_assert(piped_is(blob));
	blob_unref(blob);
	ck_assert_uint_eq(piped_stats()->n_settled, 0);
	close_wire(&w);
	free(bytes);
	end();
}

static const size_t offsets[] = { 0, 1, HEAD - 1, HEAD, HEAD + 1, 4095, 4096,
	4097, 49151, 65536, 99998, 99999 };

TEST_EACH(a_slice_begins_anywhere_for_the_last_and_for_the_others, offsets)
{
	enum { LEN = 100000 };
	size_t off = offsets[row];
	uint8_t *bytes = numbered(LEN, 2);
	struct blob *blob = make(bytes, LEN, 40000);
	struct wire w = open_wire();

	blob_ref(blob);
	expect((struct slice){ blob, off, LEN - off }, bytes, &w);
	expect((struct slice){ blob, off, 1 }, bytes, &w);
	blob_unref(blob);
	expect((struct slice){ blob, off, LEN - off }, bytes, &w);
	blob_unref(blob);
	close_wire(&w);
	free(bytes);
	end();
}

TEST(a_full_socket_takes_a_part_and_says_eagain_and_nothing_is_mixed_up)
{
	uint8_t *bytes = numbered(BIG, 3), *got = malloc(BIG);
	struct blob *blob = blob_ref(make(bytes, BIG, 65536));
	struct wire full = open_wire(), w = open_wire();
	ssize_t n = piped_send(&(struct slice){ blob, 0, BIG }, full.near);

	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, BIG);
	ck_assert_int_eq(
	    piped_send(
		&(struct slice){ blob, (size_t)n, BIG - (size_t)n }, full.near),
	    -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(piped_is(blob));
	expect((struct slice){ blob, 0, BIG }, bytes, &w);
	ck_assert_int_eq(read(full.far, got, BIG), n);
	ck_assert_mem_eq(got, bytes, n);
	expect(
	    (struct slice){ blob, (size_t)n, BIG - (size_t)n }, bytes, &full);
	blob_unref(blob);
	blob_unref(blob);
	close_wire(&full);
	close_wire(&w);
	free(bytes);
	free(got);
	end();
}

TEST(who_has_gone_is_a_broken_pipe_and_the_others_get_it)
{
	uint8_t *bytes = numbered(65536, 4);
	struct blob *blob = blob_ref(make(bytes, 65536, 65536));
	struct wire dead = open_wire(), w = open_wire();

	close(dead.far);
	ck_assert_int_eq(
	    piped_send(&(struct slice){ blob, 0, 65536 }, dead.near), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert(piped_is(blob));
	expect((struct slice){ blob, 0, 65536 }, bytes, &w);
	blob_unref(blob);
	ck_assert_int_eq(
	    piped_send(&(struct slice){ blob, 0, 65536 }, dead.near), -1);
	ck_assert_int_eq(errno, EPIPE);
	expect((struct slice){ blob, 0, 65536 }, bytes, &w);
	blob_unref(blob);
	close(dead.near);
	close_wire(&w);
	free(bytes);
	end();
}

TEST(settled_it_is_memory_and_pointers_to_its_head_stay)
{
	uint8_t *bytes = numbered(70000, 5);
	struct blob *blob = make(bytes, 70000, 65536);
	const uint8_t *head = blob->data;

	piped_settle(blob);
	ck_assert(!piped_is(blob));
	ck_assert_mem_eq(blob->data, bytes, 70000);
	ck_assert_mem_eq(head, bytes, HEAD);
	ck_assert_uint_eq(blob_total_bytes(), 70000);
	ck_assert_uint_eq(piped_stats()->n_settled, 1);
	piped_settle(blob);
	ck_assert_uint_eq(piped_stats()->n_settled, 1);
	blob_unref(blob);
	free(bytes);
	end();
}

TEST(what_the_last_has_sent_is_gone_and_the_rest_can_be_settled)
{
	uint8_t *bytes = numbered(BIG, 6);
	struct blob *blob = make(bytes, BIG, 65536);
	struct wire w = open_wire();
	ssize_t n = piped_send(&(struct slice){ blob, 0, BIG }, w.near);

	ck_assert_int_gt(n, 0);
	piped_settle(blob);
	ck_assert_mem_eq(blob->data + n, bytes + n, BIG - (size_t)n);
	blob_unref(blob);
	close_wire(&w);
	free(bytes);
	end();
}

TEST(a_pipe_full_of_small_pieces_is_settled)
{
	uint8_t *bytes = numbered(4096, 7);
	struct blob *blob = piped_new(bytes, 1, 1);
	struct wire w = open_wire();

	for (size_t i = 1; piped_is(blob); i++) {
		ck_assert_uint_lt(i, 4096);
		ck_assert_int_eq(write(w.far, bytes + i, 1), 1);
		if (piped_fill(blob, w.near, 4096) < 0)
			ck_assert_int_eq(errno, EAGAIN);
	}
	/* The piece that didn't fit is still in the socket. */
	ck_assert_uint_gt(blob->size, 16);
	ck_assert_mem_eq(blob->data, bytes, blob->size);
	ck_assert_int_eq(read(w.near, bytes, 4096), 1);
	blob_unref(blob);
	close_wire(&w);
	free(bytes);
	end();
}

TEST(an_empty_socket_is_eagain_and_its_end_is_the_end)
{
	struct wire w = open_wire();
	struct blob *blob = piped_new("head", 4, 4);

	ck_assert_int_eq(piped_fill(blob, w.near, 100), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(piped_is(blob));
	ck_assert_int_eq(write(w.far, "body", 4), 4);
	shutdown(w.far, SHUT_WR);
	ck_assert_int_eq(piped_fill(blob, w.near, 100), 4);
	ck_assert_int_eq(piped_fill(blob, w.near, 100), 0);
	ck_assert_uint_eq(blob->size, 8);
	blob_unref(blob);
	close_wire(&w);
	end();
}

TEST(no_more_is_taken_than_is_asked_for)
{
	struct wire w = open_wire();
	struct blob *blob = piped_new("head", 4, 4);
	char rest[8];

	ck_assert_int_eq(write(w.far, "bodynext", 8), 8);
	ck_assert_int_eq(piped_fill(blob, w.near, 4), 4);
	ck_assert_int_eq(read(w.near, rest, sizeof(rest)), 4);
	ck_assert_mem_eq(rest, "next", 4);
	piped_settle(blob);
	ck_assert_mem_eq(blob->data, "headbody", 8);
	blob_unref(blob);
	close_wire(&w);
	end();
}

enum { N_MANY = 50, LEN_MANY = 5000 };

static struct blob *many[N_MANY];
static uint8_t *bytes_of[N_MANY];

/* How many of them got a pipe; the others are NULL. */
static size_t
make_many(bool waiting)
{
	size_t n = 0;

	for (size_t i = 0; i < N_MANY; i++) {
		bytes_of[i] = numbered(LEN_MANY, (unsigned)(100 + i));
		many[i] = piped_new(bytes_of[i], LEN_MANY, HEAD);
		n += many[i] != NULL;
		if (many[i] != NULL && waiting)
			piped_set_waiting(many[i]);
	}
	return n;
}

static void
expect_many(void)
{
	struct wire w = open_wire();

	for (size_t i = 0; i < N_MANY; i++) {
		if (many[i] != NULL && piped_is(many[i]))
			expect((struct slice){ many[i], 0, LEN_MANY },
			    bytes_of[i], &w);
		else if (many[i] != NULL)
			ck_assert_mem_eq(many[i]->data, bytes_of[i], LEN_MANY);
		blob_unref(many[i]);
		free(bytes_of[i]);
	}
	close_wire(&w);
	end();
}

TEST(when_pipes_run_out_the_oldest_that_waits_becomes_memory)
{
	size_t n_piped = 0;

	ck_assert_uint_eq(make_many(true), N_MANY);
	for (size_t i = 0; i < N_MANY; i++) {
		n_piped += piped_is(many[i]);
		ck_assert(piped_is(many[i]) || n_piped == 0);
	}
	ck_assert_uint_ge(n_piped, 8);
	ck_assert_uint_eq(piped_stats()->n_settled, N_MANY - n_piped);
	ck_assert_uint_eq(piped_stats()->n_failed, 0);
	expect_many();
}

TEST(when_pipes_run_out_and_none_waits_there_is_none)
{
	size_t n = make_many(false);

	ck_assert_uint_ge(n, 8);
	ck_assert_uint_lt(n, N_MANY);
	ck_assert_uint_eq(piped_stats()->n_settled, 0);
	ck_assert_uint_eq(piped_stats()->n_failed, N_MANY - n);
	expect_many();
}

static void
wait_for_input(struct blob *blob)
{
	struct wire w = open_wire();

	ck_assert_int_eq(piped_fill(blob, w.near, 100), -1);
	close_wire(&w);
}

static void
wait_for_room(struct blob *blob)
{
	static uint8_t bytes[65536];
	struct wire w = open_wire();

	while (write(w.near, bytes, sizeof(bytes)) > 0)
		continue;
	ck_assert_int_eq(
	    piped_send(&(struct slice){ blob, 0, LEN_MANY }, w.near), -1);
	close_wire(&w);
}

static void (*const waits[])(
    struct blob *blob) = { wait_for_input, wait_for_room, piped_set_waiting };

TEST_EACH(who_waits_gives_up_its_pipe, waits)
{
	struct blob *one;

	make_many(false);
	waits[row](many[3]);
	ck_assert(piped_is(many[3]));
	one = piped_new("one", 3, 3);
	ck_assert_ptr_nonnull(one);
	ck_assert(!piped_is(many[3]));
	ck_assert_uint_eq(piped_stats()->n_settled, 1);
	blob_unref(one);
	expect_many();
}

/* Lets no more descriptors be opened than there are and n. Returns what the
 * limit was. */
static struct rlimit
leave_descriptors(rlim_t n)
{
	struct rlimit before, limit;
	int next = dup(0);

	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = (struct rlimit){ (rlim_t)next + n, before.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

static const rlim_t few[] = { 0, 1, 2, 3, 4 };

TEST_EACH(without_descriptors_there_is_none_and_nothing_leaks, few)
{
	struct rlimit before = leave_descriptors(few[row]);

	for (int i = 0; i < 3; i++)
		ck_assert_ptr_null(piped_new("head", 4, 4));
	ck_assert_uint_eq(piped_stats()->n_failed, 3);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
	end();
}

TEST(what_does_not_fit_a_pipe_at_once_is_none)
{
	uint8_t *bytes = numbered(4 << 20, 8);

	ck_assert_ptr_null(piped_new(bytes, 4 << 20, HEAD));
	ck_assert_uint_eq(piped_stats()->n_failed, 1);
	free(bytes);
	end();
}

TEST(a_socket_that_takes_no_pages_settles_it)
{
	struct blob *blob = piped_new("head", 4, 4);
	int fd = open("/proc/self/cmdline", O_RDONLY);

	ck_assert_int_eq(piped_send(&(struct slice){ blob, 0, 4 }, fd), -1);
	ck_assert_int_eq(errno, EINTR);
	ck_assert(!piped_is(blob));
	ck_assert_mem_eq(blob->data, "head", 4);
	blob_unref(blob);
	close(fd);
	end();
}

/* The head is ours, whatever its sender does to the pages that it has sent. */
TEST(who_shares_its_pages_cannot_change_what_was_read)
{
	enum { LEN = 65536 };
	uint8_t *pages = aligned_alloc(4096, LEN), got[LEN];
	struct wire w = open_wire(), out = open_wire();
	struct iovec iov = { pages, LEN };
	struct blob *blob;
	int fds[2];

	memset(pages, 'a', LEN);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(vmsplice(fds[1], &iov, 1, 0), LEN);
	ck_assert_int_eq(splice(fds[0], NULL, w.far, NULL, LEN, 0), LEN);
	ck_assert_int_eq(read(w.near, got, HEAD), HEAD);
	blob = blob_ref(piped_new(got, HEAD, HEAD));
	while (blob->size < LEN)
		ck_assert_int_gt(piped_fill(blob, w.near, LEN - blob->size), 0);
	memset(pages, 'b', LEN);
	ck_assert_int_eq(
	    piped_send(&(struct slice){ blob, 0, LEN }, out.near), LEN);
	ck_assert_int_eq(recv(out.far, got, LEN, MSG_WAITALL), LEN);
	for (size_t i = 0; i < HEAD; i++) {
		ck_assert_int_eq(blob->data[i], 'a');
		ck_assert_int_eq(got[i], 'a');
	}
	blob_unref(blob);
	blob_unref(blob);
	close(fds[0]);
	close(fds[1]);
	close_wire(&w);
	close_wire(&out);
	free(pages);
	end();
}
