'use strict';

/* global io */

/*
 * This half of the page learns everything from events; across.js requests lists. A new tab is
 * announced to all tabs, and each of them answers the new one, which then draws the same picture.
 * `tab` identifies a tab across reconnections, which change its socket id. A worker that is killed
 * does not announce that its tabs leave; the picture is corrected when they return.
 */

const FEED_MAX = 200;
const SWITCH_MAX = 8;
const TINTS = 8;
const MOVE_MS = 1500;

const tab = Math.random().toString(36).slice(2, 12);
const name = nickname();
const rooms = new Map([['garden', false], ['harbour', false], ['attic', false]]);
const others = new Map();
const departed = new Map();
let self = null;
let servers = null;
let dismissed = null;
let leaving = null;
let phase = 'connecting';
let way = null;

/* ?transport=polling or ?transport=websocket: that one alone. */
const only = new URLSearchParams(location.search).get('transport');
const socket = io({
	auth: { tab, name }, reconnectionDelayMax: 2000, ...(only && { transports: [only] }),
});

const $ = (id) => document.getElementById(id);

function nickname() {
	const kept = sessionStorage.getItem('name');
	if (kept)
		return kept;
	const pick = (words) => words[Math.floor(Math.random() * words.length)];
	const made = `${pick(['Quiet', 'Amber', 'Swift', 'Gentle', 'Bright', 'Velvet', 'Clever', 'Mellow'])} ` +
		pick(['Otter', 'Heron', 'Lynx', 'Finch', 'Badger', 'Marten', 'Swallow', 'Hare']);
	sessionStorage.setItem('name', made);
	return made;
}

function element(tag, attributes, ...children) {
	const e = document.createElement(tag);
	for (const [key, value] of Object.entries(attributes))
		e.setAttribute(key, value);
	e.append(...children);
	return e;
}

const tint = (worker) => String((worker - 1) % TINTS + 1);

function badge(worker) {
	return element('span', { class: 'badge', 'data-tint': tint(worker) }, `worker ${worker}`);
}

/* The feed */

function append(item) {
	const feed = $('feed');
	const atEnd = feed.scrollHeight - feed.scrollTop - feed.clientHeight < 80;
	feed.append(item);
	while (feed.children.length > FEED_MAX)
		feed.firstElementChild.remove();
	$('empty').hidden = true;
	if (atEnd)
		feed.scrollTop = feed.scrollHeight;
}

function clock(at) {
	const time = new Date(at);
	return element('time', { datetime: time.toISOString() },
		time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' }));
}

function audience(to) {
	if (to.kind === 'room')
		return `to ${to.room}`;
	return to.kind === 'except' ? `to all but ${to.room}` : 'to everyone';
}

function showMessage({ text, to, from, at }) {
	const mine = from.tab === tab;
	append(element('li', { class: 'message', 'data-tint': tint(from.worker) },
		element('div', { class: 'origin' },
			element('strong', {}, mine ? 'You' : from.name),
			badge(from.worker),
			element('span', { class: 'quiet' }, audience(to)),
			element('span', { class: 'quiet socket', title: `socket ${from.socket}, pid ${from.pid}` },
				from.socket.slice(0, 6))),
		clock(at),
		element('p', { class: 'text' }, text)));
}

/* Shows messages of this tab that only others receive. */
function showSent(text, to) {
	append(element('li', { class: 'ghost' },
		element('div', { class: 'origin' },
			element('strong', {}, 'You'),
			element('span', { class: 'quiet' }, `${audience(to)}, which does not include this tab`)),
		clock(Date.now()),
		element('p', { class: 'text' }, text)));
}

function note(...parts) {
	append(element('li', { class: 'note' }, element('span', {}, ...parts), clock(Date.now())));
}

/* Presence */

function drawWorkers() {
	const all = self ? [...others.values(), { ...self, me: true }] : [];
	const count = Math.max(self ? self.workers : 0, ...all.map((who) => who.worker));
	const lines = [];
	for (let worker = 1; worker <= count; worker++) {
		const here = all.filter((who) => who.worker === worker);
		const dots = here.map((who) => element('span',
			{ class: who.me ? 'tab me' : 'tab', title: who.me ? 'this tab' : who.name }));
		lines.push(element('li',
			{ class: self && self.worker === worker ? 'mine' : '', 'data-tint': tint(worker),
				'aria-label': `Worker ${worker}: ${here.length} tabs` },
			element('span', { class: 'label' }, `Worker ${worker}`),
			element('span', { class: 'tabs' },
				...(dots.length ? dots : [element('span', { class: 'none' })]))));
	}
	$('workers').replaceChildren(...lines);
}

const TRANSPORTS = { polling: 'Long-polling', websocket: 'WebSocket' };

/* How the latest request of this tab's session reached its worker. */
function askWay() {
	socket.emit('way', (answer) => {
		way = answer;
		draw();
	});
}

function drawSelf() {
	$('name').textContent = name;
	$('worker').textContent = self ? `worker ${self.worker}` : 'no worker';
	$('process').textContent = self ? `pid ${self.pid}` : '';
	$('way').textContent = self && way ? TRANSPORTS[way.transport] +
		(way.isForwarded ? ', passed on by another worker' : ', directly') : '';
	if (self)
		$('worker').dataset.tint = tint(self.worker);
	else
		delete $('worker').dataset.tint;
	document.title = self ? `Worker ${self.worker} · pm2adapterd` : 'pm2adapterd';
	$('switch').textContent = dismissed ? 'Connect again' : 'Switch worker';
	$('switch').disabled = !self && !dismissed;
	for (const id of ['send', 'ask', 'refresh'])
		$(id).disabled = !self;
}

const PHASES = {
	connecting: ['connecting', 'Connecting…'],
	switching: ['connecting', 'Switching worker…'],
	lost: ['lost', 'Worker lost, connecting again…'],
	dismissed: ['lost', 'Disconnected by'],
	live: ['live', 'Live on'],
	alone: ['alone', 'Daemon away, this worker alone'],
};

function drawState() {
	const now = self ? (self.daemon ? 'live' : 'alone') : phase;
	const [state, text] = PHASES[now];
	const more = { live: `${servers} worker${servers === 1 ? '' : 's'}`, dismissed: dismissed?.name };
	$('state').dataset.state = state;
	$('state-text').textContent = more[now] ? `${text} ${more[now]}` : text;
}

function draw() {
	drawSelf();
	drawState();
	drawWorkers();
}

/* Rooms */

function drawRooms() {
	$('rooms').replaceChildren(...[...rooms].map(([room, joined]) => {
		const chip = element('button',
			{ type: 'button', class: 'chip', 'aria-pressed': String(joined),
				title: joined ? `Leave ${room}` : `Join ${room}` }, room);
		chip.addEventListener('click', () => toggle(room));
		return chip;
	}));
	const target = $('target');
	const chosen = target.value;
	target.replaceChildren(...[...rooms.keys()].map((room) => element('option', { value: room }, room)));
	if (rooms.has(chosen))
		target.value = chosen;
}

function toggle(room) {
	const join = !rooms.get(room);
	socket.emit(join ? 'join' : 'leave', room, (done) => {
		if (!done.ok)
			return note(done.why);
		rooms.set(room, join);
		drawRooms();
	});
}

/* Sending */

function send(event) {
	event.preventDefault();
	const text = $('text').value.trim();
	if (!text || !self)
		return;
	const kind = new FormData($('composer')).get('kind');
	const to = kind === 'all' ? { kind } : { kind, room: $('target').value };
	socket.emit('send', { text, to }, (done) => {
		if (!done.ok)
			return note(done.why);
		if (kind !== 'all' && rooms.get(to.room) !== (kind === 'room'))
			showSent(text, to);
	});
	$('text').value = '';
	$('text').focus();
}

/*
 * Node distributes connections to the workers in turn, so a new connection mostly gets another
 * worker. Other tabs connect as well: if it gets the same one, try again.
 */
function switchWorker() {
	if (!self)
		return socket.connect();
	leaving = { pid: self.pid, left: SWITCH_MAX };
	socket.disconnect().connect();
}

/* The connection */

socket.on('you', (you) => {
	if (leaving && leaving.pid === you.pid && --leaving.left > 0)
		return socket.disconnect().connect();
	leaving = null;
	dismissed = null;
	self = you;
	servers ??= you.workers;
	others.clear();
	for (const [room, joined] of rooms)
		if (joined)
			socket.emit('join', room, () => {});
	socket.emit('arrive');
	draw();
	askWay();
	socket.io.engine.on('upgrade', askWay);
});

socket.on('disconnect', () => {
	self = null;
	way = null;
	servers = null;
	phase = leaving ? 'switching' : (dismissed ? 'dismissed' : 'lost');
	draw();
});

socket.on('daemon', (daemon) => {
	if (!self)
		return;
	self.daemon = daemon;
	draw();
});

socket.on('servers', (count) => {
	servers = count;
	drawState();
});

/* A tab on any worker may move this one. */
socket.on('rooms', ({ rooms: joined, by }) => {
	const before = [...rooms].filter(([, isIn]) => isIn).map(([room]) => room);
	for (const room of new Set([...rooms.keys(), ...joined]))
		rooms.set(room, joined.includes(room));
	drawRooms();
	const came = joined.filter((room) => !before.includes(room));
	const left = before.filter((room) => !joined.includes(room));
	const who = by.tab === tab ? 'You' : by.name;
	if (came.length)
		note(`${who} moved this tab to ${came.join(', ')}`);
	else if (left.length)
		note(`${who} took this tab out of ${left.join(', ')}`);
});

socket.on('dismissed', (by) => {
	dismissed = { name: by.tab === tab ? 'yourself' : by.name };
});

socket.on('came', (who) => {
	if (who.tab === tab)
		return;
	const moved = others.has(who.tab) || departed.has(who.tab);
	clearTimeout(departed.get(who.tab));
	departed.delete(who.tab);
	others.set(who.tab, who);
	socket.emit('here', who.socket);
	note(`${who.name} ${moved ? 'moved to' : 'arrived on'} `, badge(who.worker));
	drawWorkers();
});

socket.on('here', (who) => {
	others.set(who.tab, who);
	drawWorkers();
});

/* A tab that is back at once has moved to another worker. */
socket.on('gone', (who) => {
	const known = others.get(who.tab);
	if (!known || known.socket !== who.socket)
		return;
	others.delete(who.tab);
	departed.set(who.tab, setTimeout(() => {
		departed.delete(who.tab);
		note(`${who.name} left `, badge(who.worker));
	}, MOVE_MS));
	drawWorkers();
});

socket.on('message', showMessage);

$('composer').addEventListener('submit', send);
$('audience').addEventListener('change', () => {
	$('target').hidden = new FormData($('composer')).get('kind') === 'all';
});
$('switch').addEventListener('click', switchWorker);
$('new-room').addEventListener('submit', (event) => {
	event.preventDefault();
	const room = $('room-name').value.trim();
	if (!room)
		return;
	$('room-name').value = '';
	if (!rooms.get(room))
		toggle(room);
});

drawRooms();
draw();
