#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "config/print.h"
#include "config/wrap.h"

/* --help and the completions of shells, both from the tables. */

void
command_print_help(FILE *out)
{
	fputs("Usage: pm2adapterd [OPTION]...\n"
	      "       pm2adapterd --stats [SECTION]... [--json] [--sort KEY] "
	      "[--limit N]\n"
	      "       pm2adapterd --watch [--sort KEY] [--interval MS]\n"
	      "       pm2adapterd --healthz | --test | --signal WHAT\n"
	      "       pm2adapterd --emit TARGET EVENT [JSON]...\n"
	      "       pm2adapterd --ask QUESTION [ARGUMENT]... [--json]\n"
	      "       pm2adapterd --tail TOPIC [--json]\n"
	      "\n"
	      "Carries messages between Socket.IO workers over a Unix socket.\n"
	      "\n",
	    out);
	for (size_t i = 0; i < COMMAND_N_WORDS; i++) {
		const struct word *word = &command_words[i];
		const char *behind =
		    word->argument == NULL ? word->rest : word->argument;

		fprintf(out, "  --%s%s%s\n", word->name,
		    behind == NULL ? "" : " ", behind == NULL ? "" : behind);
		wrap_print(out, "        ", 64, false, word->text);
	}
	fputc('\n', out);
	config_print_help(out);
	fputc('\n', out);
	wrap_print(out, "", 72, false,
	    "Exit codes: 0 success; 1 --healthz: not healthy; 64 usage; 66 "
	    "--ask: no worker has that socket; 69 another daemon serves the "
	    "socket, or no daemon or worker answers; 71 the event loop failed; "
	    "73 the socket or the log file cannot be created; 74 output "
	    "failed; 75 --ask: some did not answer, --signal: no outcome yet; "
	    "77 --signal: not permitted; 78 configuration; 130 second SIGINT.");
}

static void
print_bash_case(FILE *out, const char *name, const char *values, bool is_file)
{
	fprintf(out, "\t--%s)\n", name);
	if (values != NULL)
		fprintf(out,
		    "\t\tmapfile -t COMPREPLY < <(compgen -W '%s' -- "
		    "\"$cur\")\n",
		    values);
	else if (is_file)
		fputs("\t\tmapfile -t COMPREPLY < <(compgen -f -- "
		      "\"$cur\")\n",
		    out);
	fputs("\t\treturn ;;\n", out);
}

/* The words that may follow an action; the last action counts. */
static void
print_bash_rests(FILE *out)
{
	fputs("\tlocal word rest=\n"
	      "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	      "\t\tcase $word in\n",
	    out);
	for (size_t i = 0; i < COMMAND_N_WORDS; i++)
		if (command_words[i].rest != NULL &&
		    command_words[i].values != NULL)
			fprintf(out, "\t\t--%s) rest='%s' ;;\n",
			    command_words[i].name, command_words[i].values);
	fputs("\t\tesac\n"
	      "\tdone\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$rest\" -- "
	      "\"$cur\")\n",
	    out);
}

static void
print_bash(FILE *out)
{
	fputs("# Completion of pm2adapterd for bash.\n"
	      "_pm2adapterd()\n"
	      "{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
	      "\tlocal prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tCOMPREPLY=()\n"
	      "\t# --option=value are three words.\n"
	      "\tif [[ $cur == = ]]; then\n"
	      "\t\tcur=\n"
	      "\telif [[ $prev == = ]]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "\tfi\n"
	      "\tcase $prev in\n",
	    out);
	for (size_t i = 0; i < COMMAND_N_WORDS; i++)
		if (command_words[i].argument != NULL)
			print_bash_case(out, command_words[i].name,
			    command_words[i].values,
			    command_words[i].id == WORD_CONFIG);
	for (size_t i = 0; i < config_n_options(); i++)
		print_bash_case(
		    out, config_name(i), config_values(i), config_is_file(i));
	fputs("\tesac\n"
	      "\tif [[ $cur == -* ]]; then\n"
	      "\t\tmapfile -t COMPREPLY < <(compgen -W '",
	    out);
	for (size_t i = 0; i < COMMAND_N_WORDS; i++)
		fprintf(
		    out, "%s--%s", i == 0 ? "" : " ", command_words[i].name);
	for (size_t i = 0; i < config_n_options(); i++)
		fprintf(out, " --%s", config_name(i));
	fputs("' -- \"$cur\")\n"
	      "\t\treturn\n"
	      "\tfi\n",
	    out);
	print_bash_rests(out);
	fputs("}\n"
	      "complete -o filenames -F _pm2adapterd pm2adapterd\n",
	    out);
}

/* Within '…[…]' of _arguments: a quote is written as '\'', and brackets are
 * escaped. */
static void
print_zsh_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else if (*text == '[' || *text == ']')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
}

/* An option with the first sentence of its text. */
static void
print_zsh_option(FILE *out, const char *name, const char *text,
    const char *argument, const char *values, bool is_file)
{
	const char *end = strstr(text, ". ");
	size_t len = end == NULL ? strlen(text) - 1 : (size_t)(end - text);
	char first[256];

	snprintf(first, sizeof(first), "%.*s", (int)len, text);
	fprintf(out, "\t'--%s%s[", name, argument == NULL ? "" : "=");
	print_zsh_text(out, first);
	fputs("]", out);
	if (argument != NULL && values != NULL)
		fprintf(out, ":%s:(%s)", argument, values);
	else if (argument != NULL)
		fprintf(out, ":%s:%s", argument, is_file ? "_files" : " ");
	fputs("' \\\n", out);
}

static void
print_zsh(FILE *out)
{
	fputs("#compdef pm2adapterd\n"
	      "# Completion of pm2adapterd for zsh.\n"
	      "local line state ret=1\n"
	      "typeset -A opt_args\n"
	      "_arguments \\\n",
	    out);
	for (size_t i = 0; i < COMMAND_N_WORDS; i++)
		print_zsh_option(out, command_words[i].name,
		    command_words[i].text, command_words[i].argument,
		    command_words[i].values,
		    command_words[i].id == WORD_CONFIG);
	for (size_t i = 0; i < config_n_options(); i++)
		print_zsh_option(out, config_name(i), config_text(i),
		    config_argument(i), config_values(i), config_is_file(i));
	fputs("\t'*: :->rest' && ret=0\n", out);
	for (size_t i = 0; i < COMMAND_N_WORDS; i++)
		if (command_words[i].rest != NULL &&
		    command_words[i].values != NULL)
			fprintf(out,
			    "[[ $state == rest ]] && (( $words[(I)--%s] )) && "
			    "compadd %s && ret=0\n",
			    command_words[i].name, command_words[i].values);
	fputs("return ret\n", out);
}

void
command_print_completion(const char *shell, FILE *out)
{
	if (strcmp(shell, "zsh") == 0)
		print_zsh(out);
	else
		print_bash(out);
}
