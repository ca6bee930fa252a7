#include "core/request.h"

#include <string.h>

#include "unit/rig/requests.h"

static char topic_a, topic_b;

TEST(all_questions_together_have_a_limit_and_the_one_over_it_ends)
{
	const size_t rows = 2 * (3 + REQUEST_ROW_BYTES);
	uint64_t first, second;

	owners_begin();
	request_set_max_bytes(reg, 2 * rows + 100 + GATHER_ENTRY_BYTES);
	first = owner_ask(GATHER_LIST, 100, "12");
	second = owner_ask(GATHER_LIST, 100, "12");
	ck_assert_int_eq(owner_give(1, first, VERDICT_YES,
			     "0123456789012345678901234567890123456789"
			     "0123456789012345678901234567890123456789"
			     "01234567890123456789"),
	    0);
	ck_assert_int_eq(owner_yes(1, second, "x"), 0);
	ck_assert_str_eq(ended(), "2 full 1/2 dismissed:2");
	ck_assert_int_eq(owner_no(2, first), 0);
	ck_assert_ptr_nonnull(strstr(ended(), "1 complete 2/2 = 0123"));
	owners_end();
}

TEST(a_failed_answer_keeps_its_reason)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "123");
	ck_assert_int_eq(
	    request_waive(reg, &owners[1], id, DEBT_UNENCODABLE), 0);
	ck_assert_int_eq(request_waive(reg, &owners[2], id, DEBT_FAILED), 0);
	ck_assert_int_eq(owner_yes(3, id, "c"), 0);
	ck_assert_str_eq(ended(), "1 complete 1/3 unencodable:1 failed:2 = c");
	owners_end();
}

TEST(the_parts_of_a_stream_together_have_the_limit_that_its_asker_gives)
{
	struct request_spec spec = {
		.ask_id = 1,
		.gather = GATHER_STREAM,
		.timeout_ms = 100,
		.gather_max_bytes = ROOM,
		.parts_max_bytes = 5,
	};
	uint64_t id;

	owners_begin();
	id = open_spec(0, &spec, "12")->id;
	ck_assert_int_eq(owner_give(1, id, VERDICT_MORE, "123"), 0);
	ck_assert_int_eq(owner_yes(1, id, "45"), 0);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_give(2, id, VERDICT_MORE, "6"), 0);
	ck_assert_str_eq(ended(), "1 full 1/2 dismissed:2");
	owners_end();
}

TEST(an_ask_id_is_taken_until_its_question_has_ended)
{
	uint64_t ids[200];

	owners_begin();
	for (size_t i = 0; i < N_ELEMENTS(ids); i++)
		ids[i] = owner_ask(GATHER_LIST, 100, "1");
	for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
		int64_t ask_id = request_find(reg, ids[i])->ask_id;

		ck_assert(request_is_open(reg, &owners[0], ask_id));
		ck_assert(!request_is_open(reg, &owners[1], ask_id));
		ck_assert_int_eq(owner_no(1, ids[i]), 0);
		ended();
		ck_assert(!request_is_open(reg, &owners[0], ask_id));
	}
	ids[0] = owner_ask(GATHER_LIST, 100, "1");
	owners_pass(100);
	ck_assert(!request_is_open(reg, &owners[0], 1));
	ended();
	owners_end();
}

TEST(a_question_ends_when_all_have_answered)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "123");
	ck_assert_uint_eq(request_n_open(reg), 1);
	ck_assert_uint_eq(request_find(reg, id)->n_owed, 3);
	ck_assert_uint_eq(owners[0].n_asked, 1);
	ck_assert_uint_eq(owners[2].n_debts, 1);
	ck_assert_int_eq(owner_yes(3, id, "c"), 0);
	ck_assert_int_eq(owner_no(1, id), 0);
	ck_assert_uint_eq(request_find(reg, id)->n_owed, 1);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_yes(2, id, "b"), 0);
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_uint_eq(owners[0].n_asked, 0);
	ck_assert_uint_eq(owners[2].n_debts, 0);
	ck_assert_str_eq(ended(), "1 complete 3/3 = c b");
	ck_assert_str_eq(ended(), "");
	owners_end();
}

TEST(an_answer_says_from_whom_it_came)
{
	struct request *request;
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	ck_assert_int_eq(owner_yes(2, id, "b"), 0);
	request_owner_fini(reg, &owners[2]);
	ck_assert_int_eq(owner_yes(1, id, "a"), 0);
	request = request_take_ended(reg);
	ck_assert_uint_eq(request->gathered.answers[0].from, 12);
	ck_assert_str_eq(
	    (const char *)request->gathered.answers[0].name->data, "n2");
	ck_assert_uint_eq(request->gathered.answers[1].from, 11);
	ck_assert_ptr_eq(request->asker, &owners[0]);
	request_free(request);
	owners_end();
}

TEST(a_question_ends_when_the_last_who_owes_has_gone)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "123");
	ck_assert_int_eq(owner_yes(2, id, "b"), 0);
	request_owner_fini(reg, &owners[1]);
	ck_assert_str_eq(ended(), "");
	request_owner_fini(reg, &owners[3]);
	ck_assert_str_eq(ended(), "1 complete 1/3 left:1 left:3 = b");
	owners_end();
}

TEST(who_has_answered_may_go)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	ck_assert_int_eq(owner_yes(2, id, "b"), 0);
	request_owner_fini(reg, &owners[2]);
	ck_assert_str_eq(ended(), "");
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 1/2 late:1 = b");
	owners_end();
}

static const struct {
	enum gather gather;
	const char *nobody, *all_no, *all_gone;
} endings[] = {
	{ GATHER_LIST, "1 complete 0/0", "1 complete 2/2",
	    "1 complete 0/2 left:1 left:2" },
	{ GATHER_UNION, "1 complete 0/0", "1 complete 2/2",
	    "1 complete 0/2 left:1 left:2" },
	{ GATHER_FIRST, "1 unknown 0/0", "1 unknown 2/2",
	    "1 unknown 0/2 left:1 left:2" },
	{ GATHER_STREAM, "1 complete 0/0", "1 complete 2/2",
	    "1 complete 0/2 left:1 left:2" },
};

TEST_EACH(with_nobody_to_ask_it_has_ended, endings)
{
	owners_begin();
	owner_ask(endings[row].gather, 100, "");
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_int_eq(request_next_deadline(reg).ms, INSTANT_NEVER.ms);
	ck_assert_str_eq(ended(), endings[row].nobody);
	owners_pass(100);
	ck_assert_str_eq(ended(), "");
	owners_end();
}

TEST_EACH(when_all_say_no_it_ends_at_once, endings)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(endings[row].gather, 100, "12");
	ck_assert_int_eq(owner_no(2, id), 0);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_no(1, id), 0);
	ck_assert_str_eq(ended(), endings[row].all_no);
	owners_end();
}

TEST_EACH(when_all_have_gone_it_ends_at_once, endings)
{
	owners_begin();
	owner_ask(endings[row].gather, 100, "12");
	request_owner_fini(reg, &owners[1]);
	request_owner_fini(reg, &owners[2]);
	ck_assert_str_eq(ended(), endings[row].all_gone);
	owners_end();
}

/* Each way in which a question can end: none of the others, which all follow,
 * ends it again. */
static const struct {
	const char *way, *told;
} ways[] = {
	{ "answer", "1 complete 2/2 = a b" },
	{ "leave", "1 complete 0/2 left:1 left:2" },
	{ "release", "1 complete 0/2 left:1 left:2" },
	{ "waive", "1 complete 0/2 big:1 big:2" },
	{ "deadline", "1 timeout 0/2 late:1 late:2" },
};

TEST_EACH(a_question_ends_once, ways)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	for (int i = 0; i < (int)N_ELEMENTS(ways); i++) {
		switch ((row + i) % (int)N_ELEMENTS(ways)) {
		case 0:
			ck_assert_int_eq(
			    owner_yes(1, id, "a"), i == 0 ? 0 : REQUEST_E_LATE);
			ck_assert_int_eq(
			    owner_yes(2, id, "b"), i == 0 ? 0 : REQUEST_E_LATE);
			break;
		case 1:
			request_owner_fini(reg, &owners[1]);
			request_owner_fini(reg, &owners[2]);
			request_owner_init(&owners[1], 11, "n1");
			request_owner_init(&owners[2], 12, "n2");
			break;
		case 2:
			request_release(reg, &owners[1], NULL);
			request_release(reg, &owners[2], NULL);
			break;
		case 3:
			ck_assert_int_eq(
			    request_waive(reg, &owners[1], id, DEBT_TOO_BIG),
			    i == 0 ? 0 : REQUEST_E_LATE);
			ck_assert_int_eq(
			    request_waive(reg, &owners[2], id, DEBT_TOO_BIG),
			    i == 0 ? 0 : REQUEST_E_LATE);
			break;
		default:
			owners_pass(100);
			break;
		}
		ck_assert_str_eq(ended(), i == 0 ? ways[row].told : "");
	}
	owners_end();
}

TEST(the_first_yes_ends_first_and_the_others_are_dismissed)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_FIRST, 100, "1234");
	ck_assert_int_eq(owner_no(1, id), 0);
	request_owner_fini(reg, &owners[4]);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_yes(3, id, "here"), 0);
	ck_assert_uint_eq(owners[2].n_debts, 0);
	ck_assert_str_eq(ended(), "1 found 2/4 dismissed:2 left:4 = here");
	ck_assert_int_eq(owner_yes(2, id, "here too"), REQUEST_E_LATE);
	owners_pass(100);
	ck_assert_str_eq(ended(), "");
	owners_end();
}

TEST(a_yes_of_the_last_is_found_and_not_unknown)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_FIRST, 100, "12");
	ck_assert_int_eq(owner_no(1, id), 0);
	ck_assert_int_eq(owner_yes(2, id, ""), 0);
	ck_assert_str_eq(ended(), "1 found 2/2 = ");
	owners_end();
}

TEST(first_without_all_answers_is_a_timeout_and_not_unknown)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_FIRST, 100, "12");
	ck_assert_int_eq(owner_no(1, id), 0);
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 1/2 late:2");
	owners_end();
}

TEST(a_late_answer_is_late_for_everybody)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 0/2 late:1 late:2");
	ck_assert_int_eq(owner_yes(1, id, "a"), REQUEST_E_LATE);
	ck_assert_int_eq(owner_no(2, id), REQUEST_E_LATE);
	ck_assert_int_eq(owner_give(2, id, VERDICT_MORE, ""), REQUEST_E_LATE);
	ck_assert_int_eq(owner_yes(5, id, "x"), REQUEST_E_LATE);
	ck_assert_int_eq(
	    request_waive(reg, &owners[1], id, DEBT_TOO_BIG), REQUEST_E_LATE);
	ck_assert_str_eq(ended(), "");
	owners_end();
}

TEST(repliers_are_counted_and_not_replies)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	ck_assert_int_eq(owner_yes(1, id, "a"), 0);
	ck_assert_int_eq(owner_yes(1, id, "a"), REQUEST_E_DOUBLED);
	ck_assert_int_eq(owner_no(1, id), REQUEST_E_DOUBLED);
	ck_assert_int_eq(request_waive(reg, &owners[1], id, DEBT_TOO_BIG),
	    REQUEST_E_DOUBLED);
	ck_assert_uint_eq(request_find(reg, id)->n_owed, 1);
	ck_assert_str_eq(ended(), "");
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 1/2 late:2 = a");
	owners_end();
}

TEST(who_was_not_asked_has_no_answer)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "135");
	for (int i = 0; i < N_OWNERS; i++)
		if (i != 1 && i != 3 && i != 5) {
			ck_assert_int_eq(
			    owner_yes(i, id, "x"), REQUEST_E_FOREIGN);
			ck_assert_int_eq(
			    request_waive(reg, &owners[i], id, DEBT_TOO_BIG),
			    REQUEST_E_FOREIGN);
		}
	ck_assert_uint_eq(request_find(reg, id)->n_owed, 3);
	ck_assert_uint_eq(request_find(reg, id)->n_answered, 0);
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 0/3 late:1 late:3 late:5");
	owners_end();
}

TEST(a_question_that_never_was_has_no_answer)
{
	uint64_t id;

	owners_begin();
	ck_assert_int_eq(owner_yes(1, 1, "x"), REQUEST_E_FOREIGN);
	id = owner_ask(GATHER_LIST, 100, "1");
	ck_assert_int_eq(owner_yes(1, 0, "x"), REQUEST_E_FOREIGN);
	ck_assert_int_eq(owner_yes(1, id + 1, "x"), REQUEST_E_FOREIGN);
	ck_assert_int_eq(owner_yes(1, id + 64, "x"), REQUEST_E_FOREIGN);
	ck_assert_int_eq(owner_yes(1, UINT64_MAX, "x"), REQUEST_E_FOREIGN);
	ck_assert_uint_eq(request_find(reg, id)->n_owed, 1);
	owners_end();
}

TEST(a_newcomer_with_another_id_owes_nothing)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	request_owner_fini(reg, &owners[1]);
	request_owner_init(&owners[1], 99, "n1");
	ck_assert_int_eq(owner_yes(1, id, "x"), REQUEST_E_FOREIGN);
	ck_assert_int_eq(owner_no(2, id), 0);
	ck_assert_str_eq(ended(), "1 complete 1/2 left:1");
	owners_end();
}

TEST(when_the_asker_goes_its_questions_are_dropped)
{
	uint64_t list, first;

	owners_begin();
	list = owner_ask(GATHER_LIST, 100, "12");
	first = owner_ask(GATHER_FIRST, 50, "12");
	ck_assert_int_eq(owner_yes(1, list, "a"), 0);
	ck_assert_uint_gt(request_n_gathered_bytes(reg), 0);
	ck_assert_uint_eq(request_owner_fini(reg, &owners[0]), 2);
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(reg), 0);
	ck_assert_uint_eq(owners[1].n_debts, 0);
	ck_assert_uint_eq(owners[2].n_debts, 0);
	ck_assert_int_eq(request_next_deadline(reg).ms, INSTANT_NEVER.ms);
	ck_assert_int_eq(owner_yes(1, list, "a"), REQUEST_E_LATE);
	ck_assert_int_eq(owner_yes(2, first, "b"), REQUEST_E_LATE);
	owners_pass(100);
	ck_assert_str_eq(ended(), "");
	ck_assert_uint_eq(request_owner_fini(reg, &owners[0]), 0);
	owners_end();
}

TEST(who_goes_asks_no_more_and_owes_no_more)
{
	struct request_spec spec = { .ask_id = 77,
		.gather = GATHER_LIST,
		.timeout_ms = 100,
		.gather_max_bytes = ROOM };

	owners_begin();
	open_spec(1, &spec, "02");
	owner_ask(GATHER_LIST, 100, "1");
	owner_ask(GATHER_LIST, 100, "12");
	ck_assert_uint_eq(owners[1].n_debts, 2);
	ck_assert_uint_eq(owners[1].n_asked, 1);
	ck_assert_uint_eq(request_owner_fini(reg, &owners[1]), 1);
	ck_assert_uint_eq(owners[0].n_debts, 0);
	ck_assert_uint_eq(request_n_open(reg), 1);
	ck_assert_str_eq(ended(), "1 complete 0/1 left:1");
	owners_end();
}

TEST(to_end_an_owner_twice_is_fine)
{
	owners_begin();
	owner_ask(GATHER_LIST, 100, "12");
	ck_assert_uint_eq(request_owner_fini(reg, &owners[1]), 0);
	ck_assert_uint_eq(request_owner_fini(reg, &owners[1]), 0);
	ck_assert_uint_eq(request_owner_fini(reg, &owners[0]), 1);
	ck_assert_uint_eq(request_owner_fini(reg, &owners[0]), 0);
	ck_assert_str_eq(ended(), "");
	owners_end();
}

TEST(a_union_has_each_string_once)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_UNION, 100, "1234");
	ck_assert_int_eq(yes_strings(3, id, "x y x"), 0);
	ck_assert_int_eq(yes_strings(1, id, ""), 0);
	ck_assert_int_eq(owner_no(4, id), 0);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(yes_strings(2, id, "z y w"), 0);
	ck_assert_str_eq(ended(), "1 complete 4/4 = x y z w");
	owners_end();
}

TEST(what_came_to_a_union_before_the_deadline_is_told)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_UNION, 100, "12");
	ck_assert_int_eq(yes_strings(2, id, "b a"), 0);
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 1/2 late:1 = b a");
	owners_end();
}

TEST(a_no_says_nothing)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "1");
	ck_assert_int_eq(owner_give(1, id, VERDICT_NO, "but"), 0);
	id = owner_ask(GATHER_FIRST, 100, "1");
	ck_assert_int_eq(owner_give(1, id, VERDICT_NO, "but"), 0);
	ck_assert_str_eq(ended(), "1 complete 1/1; 2 unknown 1/1");
	owners_end();
}

TEST(parts_of_a_stream_leave_the_debt_standing)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_STREAM, 100, "123");
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(owner_give(1, id, VERDICT_MORE, "part"), 0);
	ck_assert_uint_eq(request_find(reg, id)->n_owed, 3);
	ck_assert_uint_eq(request_find(reg, id)->n_answered, 0);
	ck_assert_int_eq(owner_yes(1, id, "last"), 0);
	ck_assert_int_eq(
	    owner_give(1, id, VERDICT_MORE, "after"), REQUEST_E_DOUBLED);
	ck_assert_int_eq(
	    owner_give(4, id, VERDICT_MORE, "x"), REQUEST_E_FOREIGN);
	ck_assert_int_eq(owner_give(2, id, VERDICT_MORE, "part"), 0);
	ck_assert_int_eq(owner_no(2, id), 0);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_give(3, id, VERDICT_MORE, "part"), 0);
	owners_pass(100);
	ck_assert_str_eq(ended(), "1 timeout 2/3 late:3");
	owners_end();
}

TEST(a_stream_keeps_nothing_and_is_never_full)
{
	struct request_spec spec = {
		.gather = GATHER_STREAM,
		.timeout_ms = 100,
		.gather_max_bytes = 3 + REQUEST_ROW_BYTES,
	};
	uint64_t id;
	size_t before;

	owners_begin();
	id = open_spec(0, &spec, "1")->id;
	before = request_n_gathered_bytes(reg);
	ck_assert_int_eq(owner_give(1, id, VERDICT_MORE, "many many bytes"), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(reg), before);
	ck_assert_int_eq(owner_yes(1, id, "many many bytes"), 0);
	ck_assert_str_eq(ended(), "0 complete 1/1");
	owners_end();
}

static const enum gather whole[] = { GATHER_LIST, GATHER_UNION, GATHER_FIRST };

TEST_EACH(parts_are_for_streams_alone, whole)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(whole[row], 100, "1");
	ck_assert_int_eq(
	    owner_give(1, id, VERDICT_MORE, "part"), REQUEST_E_VERDICT);
	ck_assert_uint_eq(owners[1].n_debts, 1);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_no(1, id), 0);
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_ptr_nonnull(strstr(ended(), " 1/1"));
	owners_end();
}

TEST(a_scope_is_released_alone)
{
	uint64_t a, b, none;

	owners_begin();
	a = ask_scope(&topic_a, "12");
	b = ask_scope(&topic_b, "12");
	none = ask_scope(NULL, "12");
	request_release(reg, &owners[1], &topic_a);
	ck_assert_uint_eq(request_find(reg, a)->n_owed, 1);
	ck_assert_uint_eq(request_find(reg, b)->n_owed, 2);
	ck_assert_uint_eq(request_find(reg, none)->n_owed, 2);
	ck_assert_uint_eq(owners[1].n_debts, 2);
	request_release(reg, &owners[1], &topic_a);
	ck_assert_uint_eq(request_find(reg, a)->n_owed, 1);
	ck_assert_int_ne(owner_yes(1, a, "x"), 0);
	request_release(reg, &owners[2], &topic_a);
	ck_assert_str_eq(ended(), "0 complete 0/2 left:1 left:2");
	owners_end();
}

TEST(a_release_of_all_knows_no_scope)
{
	owners_begin();
	ask_scope(&topic_a, "1");
	ask_scope(&topic_b, "12");
	ask_scope(NULL, "1");
	request_release(reg, &owners[1], NULL);
	ck_assert_uint_eq(owners[1].n_debts, 0);
	ck_assert_uint_eq(request_n_open(reg), 1);
	ck_assert_str_eq(
	    ended(), "0 complete 0/1 left:1; 0 complete 0/1 left:1");
	owners_end();
}

TEST(who_is_released_still_asks)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "1");
	request_release(reg, &owners[0], NULL);
	ck_assert_int_eq(owner_yes(1, id, "a"), 0);
	ck_assert_str_eq(ended(), "1 complete 1/1 = a");
	owners_end();
}

TEST(an_answer_that_can_not_be_taken_settles_the_debt)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "12");
	ck_assert_int_eq(request_waive(reg, &owners[1], id, DEBT_TOO_BIG), 0);
	ck_assert_int_eq(owner_yes(1, id, "smaller"), REQUEST_E_DOUBLED);
	ck_assert_uint_eq(request_find(reg, id)->n_answered, 0);
	ck_assert_int_eq(owner_yes(2, id, "b"), 0);
	ck_assert_str_eq(ended(), "1 complete 1/2 big:1 = b");
	ck_assert_int_eq(request_waive(reg, &owners[1], id + 1, DEBT_TOO_BIG),
	    REQUEST_E_FOREIGN);
	owners_end();
}

TEST(the_last_who_waives_ends_it)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_FIRST, 100, "12");
	ck_assert_int_eq(owner_no(2, id), 0);
	ck_assert_int_eq(request_waive(reg, &owners[1], id, DEBT_TOO_BIG), 0);
	ck_assert_str_eq(ended(), "1 unknown 1/2 big:1");
	owners_end();
}

/* The rows of two with the name "n1", and answers of 5 bytes in all. */
#define TWO_ROWS (2 * (size_t)(REQUEST_ROW_BYTES + 3))
#define TWO_ANSWERS (TWO_ROWS + 5 + 2 * (size_t)GATHER_ENTRY_BYTES)

static const struct {
	size_t max_bytes;
	const char *told;
} rooms[] = {
	{ TWO_ANSWERS, "0 complete 2/2 = abc de" },
	{ TWO_ANSWERS - 1, "0 full 2/2 = abc" },
};

TEST_EACH(what_is_gathered_has_a_limit_at_the_very_byte, rooms)
{
	struct request_spec spec = {
		.gather = GATHER_LIST,
		.timeout_ms = 100,
		.gather_max_bytes = rooms[row].max_bytes,
	};
	uint64_t id;

	owners_begin();
	id = open_spec(0, &spec, "12")->id;
	ck_assert_int_eq(owner_yes(1, id, "abc"), 0);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(owner_yes(2, id, "de"), 0);
	ck_assert_str_eq(ended(), rooms[row].told);
	ck_assert_uint_eq(request_n_gathered_bytes(reg), 0);
	owners_end();
}

TEST(what_is_too_much_ends_the_question_for_those_who_still_owe)
{
	struct request_spec spec = {
		.gather = GATHER_LIST,
		.timeout_ms = 100,
		.gather_max_bytes = 200,
	};
	char large[200] = "";
	uint64_t id, other;

	owners_begin();
	memset(large, 'x', sizeof(large) - 1);
	other = owner_ask(GATHER_LIST, 100, "123");
	id = open_spec(0, &spec, "123")->id;
	ck_assert_int_eq(owner_yes(2, id, large), 0);
	ck_assert_uint_eq(owners[1].n_debts, 1);
	ck_assert_str_eq(ended(), "0 full 1/3 dismissed:1 dismissed:3");
	ck_assert_int_eq(owner_yes(1, id, "a"), REQUEST_E_LATE);
	ck_assert_uint_eq(request_find(reg, other)->n_owed, 3);
	owners_end();
}

TEST(a_union_that_is_full_in_the_midst_of_an_answer_is_full)
{
	struct request_spec spec = {
		.gather = GATHER_UNION,
		.timeout_ms = 100,
		.gather_max_bytes = TWO_ANSWERS,
	};
	uint64_t id;

	owners_begin();
	id = open_spec(0, &spec, "12")->id;
	ck_assert_int_eq(yes_strings(1, id, "abc de abc de"), 0);
	ck_assert_str_eq(ended(), "");
	ck_assert_int_eq(yes_strings(2, id, "abc f de"), 0);
	ck_assert_str_eq(ended(), "0 full 2/2 = abc de");
	ck_assert_uint_eq(request_n_gathered_bytes(reg), 0);
	owners_end();
}

TEST(rows_alone_may_be_too_much)
{
	struct request_spec spec = {
		.gather = GATHER_LIST,
		.timeout_ms = 100,
		.gather_max_bytes = TWO_ROWS,
	};

	owners_begin();
	ck_assert_int_eq(open_spec(0, &spec, "12")->outcome, OUTCOME_OPEN);
	spec.gather_max_bytes--;
	ck_assert_int_eq(open_spec(0, &spec, "12")->outcome, OUTCOME_FULL);
	ck_assert_uint_eq(owners[1].n_debts, 1);
	ck_assert_uint_eq(request_n_open(reg), 1);
	ck_assert_str_eq(ended(), "0 full 0/2 dismissed:1 dismissed:2");
	owners_end();
}

TEST(the_bytes_of_all_open_questions_are_counted)
{
	uint64_t list, set;
	size_t rows;

	owners_begin();
	list = owner_ask(GATHER_LIST, 100, "12");
	set = owner_ask(GATHER_UNION, 100, "12");
	rows = request_n_gathered_bytes(reg);
	ck_assert_uint_eq(rows, 2 * TWO_ROWS);
	ck_assert_int_eq(owner_yes(1, list, "abc"), 0);
	ck_assert_uint_eq(
	    request_n_gathered_bytes(reg), rows + 3 + GATHER_ENTRY_BYTES);
	ck_assert_int_eq(yes_strings(1, set, "x x yy"), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(reg),
	    rows + 6 + 3 * (size_t)GATHER_ENTRY_BYTES);
	ck_assert_int_eq(owner_no(2, list), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(reg),
	    TWO_ROWS + 3 + 2 * (size_t)GATHER_ENTRY_BYTES);
	owners_pass(100);
	ck_assert_uint_eq(request_n_gathered_bytes(reg), 0);
	ck_assert_str_eq(
	    ended(), "1 complete 2/2 = abc; 2 timeout 1/2 late:2 = x yy");
	owners_end();
}

TEST(who_is_asked_may_be_named_in_any_order)
{
	uint64_t id;

	owners_begin();
	id = owner_ask(GATHER_LIST, 100, "9315724860");
	for (int i = 0; i < N_OWNERS; i++) {
		ck_assert_uint_eq(
		    request_find(reg, id)->debts[i].id, 10 + (unsigned)i);
		ck_assert_int_eq(owner_yes(i, id, "a"), 0);
	}
	ck_assert_str_eq(ended(), "1 complete 10/10 = a a a a a a a a a a");
	owners_end();
}

TEST(ids_are_never_used_again)
{
	uint64_t last = 0, id;

	owners_begin();
	for (int i = 0; i < 300; i++) {
		id = owner_ask(GATHER_LIST, 100, i % 3 == 0 ? "" : "1");
		ck_assert_uint_gt(id, last);
		last = id;
		if (i % 2 == 0)
			owners_pass(100);
	}
	while (request_n_open(reg) > 0)
		owners_pass(100);
	for (struct request *r; (r = request_take_ended(reg)) != NULL;)
		request_free(r);
	owners_end();
}

TEST(no_registry_is_fine_to_free)
{
	request_registry_free(NULL);
	request_free(NULL);
}

TEST_ABORTS(a_registry_with_open_questions_can_not_be_ended)
{
	owners_begin();
	owner_ask(GATHER_LIST, 100, "1");
	request_registry_free(reg);
}

TEST_ABORTS(a_registry_with_results_can_not_be_ended)
{
	owners_begin();
	owner_ask(GATHER_LIST, 100, "");
	request_registry_free(reg);
}
