'use strict';

/*
 * Asks /stats.json once a second and draws what it says. Names come from peers: they reach the
 * document as text alone.
 */

const EVERY_MS = 1000;
const KEPT = 180;
const SVG = 'http://www.w3.org/2000/svg';

const $ = (id) => document.getElementById(id);
const history = { delivered: [], queue: [], connections: [] };
let before = null;

function count(n) {
	return Math.round(n).toLocaleString('en');
}

function bytes(n) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let i = 0;
	for (; n >= 1024 && i < units.length - 1; i++)
		n /= 1024;
	return `${i ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

function duration(ms) {
	const s = Math.floor(ms / 1000);
	const parts = [[86400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']];
	const at = parts.findIndex(([size]) => s >= size);
	if (at < 0)
		return '0s';
	const [size, unit] = parts[at];
	const [next, nextUnit] = parts[at + 1] || [];
	return `${Math.floor(s / size)}${unit}` +
		(next ? ` ${Math.floor((s % size) / next)}${nextUnit}` : '');
}

function took(us) {
	return us < 1000 ? `${us} µs` : us < 1e6 ? `${(us / 1e3).toFixed(1)} ms` : `${(us / 1e6).toFixed(1)} s`;
}

function shape(name, attributes) {
	const node = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		node.setAttribute(key, value);
	return node;
}

/* The newest value is at the right edge; the largest touches the top. */
function draw(name) {
	const values = history[name];
	const svg = $(`chart-${name}`);
	const most = Math.max(...values, 1);
	const points = values.map((value, i) =>
		`${KEPT - values.length + i},${(100 - value / most * 94).toFixed(2)}`);
	const first = KEPT - values.length;
	svg.setAttribute('viewBox', `0 0 ${KEPT - 1} 101`);
	svg.setAttribute('preserveAspectRatio', 'none');
	svg.replaceChildren(
		shape('line', { class: 'base', x1: 0, y1: 100, x2: KEPT, y2: 100 }),
		shape('polygon', { class: 'area', points: `${first},100 ${points.join(' ')} ${KEPT - 1},100` }),
		shape('polyline', { class: 'curve', points: points.join(' ') }));
}

function keep(name, value, text) {
	history[name].push(value);
	if (history[name].length > KEPT)
		history[name].shift();
	$(name).textContent = text;
	draw(name);
}

/* In names of peers, characters that are invisible or change the direction of writing. */
const HIDDEN = /[\p{Cc}\p{DI}\p{Zl}\p{Zp}\p{Bidi_Control}\uFFF9-\uFFFB]/gu;

function visible(text) {
	return text.replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

function element(name, text, className) {
	const node = document.createElement(name);
	node.textContent = text;
	if (className)
		node.className = className;
	return node;
}

function showFacts(o) {
	const { latency } = o;
	const facts = [
		['Workers', count(o.members)],
		['Topics', count(o.topics)],
		['Bytes out', `${bytes(o.rates.bytes_out)}/s`],
		['Questions open', count(o.questions.open)],
		['Message p99', took(latency.transit.p99_us)],
		['Question p99', took(latency.gather.p99_us)],
		['Loop busy', `${(100 * o.busy).toFixed(1)} %`],
		['Memory', bytes(o.memory_bytes)],
	];
	$('facts').replaceChildren(...facts.map(([name, value]) => {
		const fact = document.createElement('div');
		fact.append(element('dt', name), element('dd', value));
		return fact;
	}));
}

/* Errors since the start, as a list of texts. */
function troubles(o) {
	const list = [];
	const say = (n, text) => n > 0 && list.push(`${count(n)} ${text}`);
	say(o.drops.volatile, 'volatile messages dropped');
	say(o.drops.undelivered, 'messages to connections that were ending');
	say(o.closes['slow-consumer'], 'slow consumers cut off');
	say(o.closes['memory-limit'], 'connections cut off for memory');
	say(o.questions.timeout, 'questions timed out');
	say(o.log_dropped, 'lines of the log lost');
	for (const [code, n] of Object.entries(o.errors))
		say(n, `frames refused: ${code}`);
	return list;
}

function showTroubles(o) {
	const list = troubles(o);
	$('trouble').hidden = list.length === 0;
	$('trouble').textContent = `Since the start: ${list.join(', ')}.`;
}

function rowOf(client) {
	const row = document.createElement('tr');
	const number = (text, isBad) => element('td', text, isBad ? 'n bad' : 'n');
	row.append(
		element('td', visible(client.name)),
		number(client.pm_id === null ? '–' : String(client.pm_id)),
		number(String(client.pid)),
		number(duration(client.age_ms)),
		number(count(client.messages_in)),
		number(count(client.messages_out)),
		number(bytes(client.queue_bytes), client.queue_bytes > 1 << 20),
		number(bytes(client.queue_peak_bytes)),
		number(count(client.questions_owed)),
		number(count(client.drops), client.drops > 0));
	return row;
}

function show({ overview: o, clients }) {
	const elapsed = before && before.epoch === o.epoch ? o.uptime_ms - before.uptime_ms : 0;
	const rate = elapsed > 0 ? (o.delivered - before.delivered) * 1000 / elapsed : o.rates.delivered;
	before = o;
	$('light').className = 'light good';
	$('state').textContent = `up ${duration(o.uptime_ms)}`;
	$('about').textContent = `${o.server} · pid ${o.pid} · ${o.socket}`;
	document.title = `${count(o.members)} workers · pm2adapterd`;
	keep('delivered', rate, `${count(rate)} /s`);
	keep('queue', o.queue_bytes, bytes(o.queue_bytes));
	keep('connections', o.connections, count(o.connections));
	showFacts(o);
	showTroubles(o);
	const workers = clients.filter(({ role }) => role !== 'observer');
	$('workers').replaceChildren(...workers.map(rowOf));
	$('none').hidden = workers.length > 0;
}

async function ask() {
	try {
		const reply = await fetch('stats.json?sections=overview,clients&limit=1000',
			{ signal: AbortSignal.timeout(5000) });
		if (!reply.ok)
			throw new Error(String(reply.status));
		show(await reply.json());
	} catch {
		$('light').className = 'light bad';
		$('state').textContent = 'does not answer';
	}
	setTimeout(ask, EVERY_MS);
}

ask();
