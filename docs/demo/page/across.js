'use strict';

/* global $, badge, drawRooms, element, rooms, self, socket, tab, tint */

/*
 * All workers, as seen from the one that serves this tab. While they are visible, the tables are
 * requested again every two seconds. A row lives as long as its socket, so that typed text and the
 * focus survive the next answer.
 */

const SURVEY_MS = 2000;
const ANSWER_MS = 10000;
const MEGABYTE = 1e6;
const SHORT = 6;

const answerRows = new Map();
const socketRows = new Map();
let surveyed = Promise.resolve();

const count = (n, thing) => `${n} ${thing}${n === 1 ? '' : 's'}`;

/* Returns failures as answers, too. */
async function request(event, ...args) {
	if (!self)
		return { ok: false, why: 'This tab is not connected' };
	return socket.timeout(ANSWER_MS).emitWithAck(event, ...args)
		.catch(() => ({ ok: false, why: 'No answer from the worker that serves this tab' }));
}

function cell(kind, label, ...children) {
	return element('td', { role: 'cell', class: kind, 'data-label': label }, ...children);
}

function button(text, label, onClick) {
	const made = element('button', { type: 'button', 'aria-label': label, title: label }, text);
	made.addEventListener('click', onClick);
	return made;
}

/* Does not move elements that are in place: a moved element loses the focus. */
function arrange(parent, children) {
	const wanted = new Set(children);
	for (const child of [...parent.children])
		if (!wanted.has(child))
			child.remove();
	for (const [i, child] of children.entries())
		if (parent.children[i] !== child)
			parent.insertBefore(child, parent.children[i] || null);
}

/* Requests of the application: customHook() of every worker answers */

function duration(seconds) {
	if (seconds < 120)
		return `${seconds} s`;
	return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

function answerRow(worker) {
	const row = { process: cell('process', 'Process'), uptime: cell('number', 'Up for'),
		memory: cell('number', 'Memory'), sockets: cell('number', 'Sockets') };
	row.kill = button('Kill', `Kill worker ${worker}`, () => killWorker(worker, row.pid));
	row.element = element('tr', { role: 'row', 'data-worker': worker },
		cell('who', 'Worker', badge(worker)),
		row.process, row.uptime, row.memory, row.sockets, cell('acts', 'Action', row.kill));
	return row;
}

function showAnswers(answers) {
	const byWorker = new Map(answers.map((answer) => [answer.worker, answer]));
	const n = Math.max(self.workers, ...byWorker.keys());
	const shown = Array.from({ length: n }, (_, i) => i + 1).map((worker) => {
		const row = answerRows.get(worker) || answerRow(worker);
		const answer = byWorker.get(worker);
		answerRows.set(worker, row);
		row.pid = answer?.pid;
		row.kill.disabled = !answer;
		row.element.classList.toggle('silent', !answer);
		row.process.textContent = answer ? `pid ${answer.pid}, id ${answer.pm_id}` : 'no answer';
		row.uptime.textContent = answer ? duration(answer.uptime) : '';
		row.memory.textContent = answer ? `${Math.round(answer.memory / MEGABYTE)} MB` : '';
		row.sockets.textContent = answer ? answer.sockets : '';
		return row.element;
	});
	arrange($('answers'), shown);
}

async function askAll() {
	const { ok, why, answers, ms } = await request('ask');
	$('asked').textContent = ok ? `${count(answers.length, 'answer')} in ${ms} ms.` : why;
	if (ok && self)
		showAnswers(answers);
}

/* The request is open when that worker dies, and ends then. */
async function killWorker(worker, pid) {
	const { ok, why, answers, ms } = await request('kill', pid);
	$('asked').textContent = ok
		? `Worker ${worker} died with the question: ${count(answers.length, 'answer')} in ${ms} ms.`
		: why;
	if (ok && self)
		showAnswers(answers);
}

/* The answer to a person's last request stays. */
async function refreshAnswers() {
	const { ok, answers } = await request('ask');
	if (ok && self)
		showAnswers(answers);
}

/* Sockets */

async function act(event, what, done) {
	const { ok, why } = await request(event, what);
	$('said').textContent = ok ? `${done}.` : why;
	await survey();
	return ok;
}

/* Makes it selectable as a receiver. */
function knowRoom(room) {
	if (rooms.has(room))
		return;
	rooms.set(room, false);
	drawRooms();
}

function socketRow({ id, name, tab: itsTab, worker, pid, pm_id: pmId }) {
	const title = itsTab === tab ? 'this tab' : name;
	const input = element('input', { maxlength: 24, autocomplete: 'off', spellcheck: 'false',
		placeholder: 'Room', list: 'room-names', 'aria-label': `Room for ${title}` });
	const move = element('button', { type: 'submit', 'aria-label': `Move ${title}`,
		title: `Move ${title} to that room` }, 'Move');
	const form = element('form', { class: 'line' }, input, move,
		button('Disconnect', `Disconnect ${title}`,
			() => act('dismiss', { id }, `Disconnected ${title}`)));
	form.addEventListener('submit', async (event) => {
		event.preventDefault();
		const room = input.value.trim();
		if (!room || !await act('move', { id, room }, `Moved ${title} to ${room}`))
			return;
		input.value = '';
		knowRoom(room);
	});
	const seats = cell('seats', 'Rooms');
	return { id, title, seats, shown: null, element: element('tr', { role: 'row', 'data-socket': id },
		cell('who', 'Socket', element('strong', {}, itsTab === tab ? 'This tab' : name),
			element('span', { class: 'quiet id', title: id }, id)),
		cell('process', 'Worker', badge(worker),
			element('span', { class: 'quiet' }, `pid ${pid}, id ${pmId}`)),
		seats, cell('acts', 'Actions', form)) };
}

function seat(row, room) {
	return element('span', { class: 'seat' }, room,
		button('×', `Take ${row.title} out of ${room}`,
			() => act('unseat', { id: row.id, room }, `Took ${row.title} out of ${room}`)));
}

function showSockets(sockets) {
	const known = new Set(sockets.map(({ id }) => id));
	for (const id of socketRows.keys())
		if (!known.has(id))
			socketRows.delete(id);
	const order = (a, b) => a.worker - b.worker || a.id.localeCompare(b.id);
	arrange($('sockets'), [...sockets].sort(order).map((one) => {
		const row = socketRows.get(one.id) || socketRow(one);
		const seats = [...one.rooms].sort();
		socketRows.set(one.id, row);
		if (row.shown !== JSON.stringify(seats)) {
			row.shown = JSON.stringify(seats);
			row.seats.replaceChildren(...(seats.length
				? seats.map((room) => seat(row, room))
				: [element('span', { class: 'quiet' }, 'no room')]));
		}
		return row.element;
	}));
}

/* Rooms */

function dots(sockets) {
	return element('span', { class: 'tabs' },
		...sockets.map(({ worker, name }) => element('span',
			{ class: 'tab', 'data-tint': tint(worker), title: `${name}, worker ${worker}` })));
}

function showRooms(all, sockets) {
	const own = new Map(sockets.map((one) => [one.id, one]));
	const named = all.filter((room) => !own.has(room)).sort();
	const ids = all.filter((room) => own.has(room))
		.sort((a, b) => own.get(a).worker - own.get(b).worker || a.localeCompare(b));
	$('rooms-counted').textContent =
		`${count(named.length, 'room')} with a name, ${ids.length} of one socket each`;
	$('all-rooms').replaceChildren(
		...named.map((room) => element('li', { class: 'room' }, room,
			dots(sockets.filter((one) => one.rooms.includes(room))))),
		...ids.map((room) => element('li', { class: 'room id', title: room },
			dots([own.get(room)]), room.slice(0, SHORT))));
	$('room-names').replaceChildren(...[...new Set([...rooms.keys(), ...named])].sort()
		.map((room) => element('option', { value: room })));
}

async function surveyNow() {
	if (!self)
		return;
	const { ok, why, ms, sockets, rooms: all } = await request('survey');
	$('surveyed').textContent = ok ? `${count(sockets.length, 'socket')}, asked in ${ms} ms` : why;
	if (!ok)
		return;
	showSockets(sockets);
	showRooms(all, sockets);
}

/* Requests follow one another, so that no answer overtakes a later one. */
function survey() {
	surveyed = surveyed.then(surveyNow);
	return surveyed;
}

function keepSurveying() {
	setTimeout(async () => {
		if (!document.hidden)
			await survey();
		keepSurveying();
	}, SURVEY_MS);
}

socket.on('servers', () => {
	refreshAnswers();
	survey();
});

$('ask').addEventListener('click', askAll);
$('refresh').addEventListener('click', survey);
keepSurveying();
