'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { chromium } = require('playwright-core');

const { needs } = require('../support/needs');
const { startApp } = require('./support/pm2');

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const STEP_MS = 15000;
const ARGS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const SHOTS = {
	light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
	dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
	phone: { colorScheme: 'light', viewport: { width: 400, height: 850 } },
	'phone-dark': { colorScheme: 'dark', viewport: { width: 400, height: 850 } },
};

const skip = fs.existsSync(CHROMIUM) ? false : `no Chromium at ${CHROMIUM}`;

class Tab {
	constructor(page) {
		this.page = page;
		this.complaints = [];
		page.setDefaultTimeout(STEP_MS);
		page.on('console', (message) => {
			if (['error', 'warning'].includes(message.type()))
				this.complaints.push(message.text());
		});
		page.on('pageerror', (err) => this.complaints.push(String(err)));
	}

	async open(url) {
		await this.page.goto(url);
		await this.isIn('live');
	}

	/* Until its worker knows: a session that polls would stay there until a ping is overdue. */
	async leave() {
		await this.page.evaluate(`new Promise((resolve) => {
			socket.io.engine.once('close', resolve);
			socket.disconnect();
		})`);
		await this.page.context().close();
	}

	isIn(state) {
		return this.page.locator(`#state[data-state="${state}"]`).waitFor();
	}

	worker() {
		return this.page.locator('#worker').textContent();
	}

	/* How its session reached the worker, once it is a WebSocket. */
	async way() {
		const found = this.page.locator('#way', { hasText: 'WebSocket' });
		await found.waitFor();
		return found.textContent();
	}

	name() {
		return this.page.locator('#name').textContent();
	}

	async switchFrom(worker) {
		for (let tries = 0; await this.worker() === worker; tries++) {
			assert.ok(tries < 5, 'another worker is found');
			await this.page.getByRole('button', { name: 'Switch worker' }).click();
			await this.isIn('live');
		}
	}

	async toggle(room, joined) {
		await this.page.locator('.chip', { hasText: room }).click();
		await this.page.locator(`.chip[aria-pressed="${joined}"]`, { hasText: room }).waitFor();
	}

	async send(text, audience = 'Everyone', room = null) {
		await this.page.getByText(audience, { exact: true }).click();
		if (room)
			await this.page.getByLabel('Room', { exact: true }).selectOption(room);
		await this.page.getByLabel('Message', { exact: true }).fill(text);
		await this.page.getByRole('button', { name: 'Send', exact: true }).click();
	}

	/* The message with this text, once it is there. */
	async message(text) {
		const found = this.page.locator('.feed .message', { hasText: text });
		await found.waitFor();
		return found;
	}

	/* The row of a socket, of whichever worker, once it is there. */
	async row(who) {
		const found = this.page.locator('#sockets tr', { hasText: who });
		await found.waitFor();
		return found;
	}

	/* The text of each cell of each worker's row, once `n` workers have answered. */
	async answers(n) {
		await this.page.locator('#asked', { hasText: `${n} answers in` }).waitFor();
		return this.page.locator('#answers tr').evaluateAll((rows) =>
			rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
	}

	messages() {
		return this.page.locator('.feed .message .text').allTextContents();
	}

	async shoot(name) {
		const folder = process.env.SCREENSHOT_DIR;
		if (!folder)
			return;
		fs.mkdirSync(folder, { recursive: true });
		for (const [kind, { viewport, colorScheme }] of Object.entries(SHOTS)) {
			await this.page.setViewportSize(viewport);
			await this.page.emulateMedia({ colorScheme });
			await this.page.screenshot(
				{ path: path.join(folder, `${name}-${kind}.png`), fullPage: true });
		}
	}
}

describe('the demo page', needs(CHROMIUM), () => {
	let app;
	let browser;
	let left;
	let right;

	// Sessions that a worker passes on end with it, so the tabs that see one die have WebSockets to their own.
	const direct = () => `${app.url}?transport=websocket`;

	const tab = async () => {
		const context = await browser.newContext({ viewport: SHOTS.light.viewport });
		return new Tab(await context.newPage());
	};

	before(async () => {
		if (skip)
			return;
		app = await startApp();
		browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
		left = await tab();
		right = await tab();
	}, { timeout: 90000 });

	after(async () => {
		await browser?.close();
		await app?.pm2.kill();
	}, { timeout: 60000 });

	test('a tab over any transport says how it reached its worker', { timeout: 60000, skip }, async () => {
		const one = await tab();
		await one.open(app.url);
		assert.match(await one.way(), /^WebSocket, (directly|passed on by another worker)$/);
		await one.open(`${app.url}?transport=polling`);
		await one.page.locator('#way', { hasText: /^Long-polling, (directly|passed on by another worker)$/ }).waitFor();
		await one.leave();
	});

	test('two tabs come to two workers, and each shows both', { timeout: 60000, skip }, async () => {
		await left.open(direct());
		await left.shoot('empty');
		await right.open(direct());
		await right.switchFrom(await left.worker());
		assert.notEqual(await right.worker(), await left.worker());
		for (const { page } of [left, right]) {
			await page.locator('.workers .tab:not(.me)').waitFor();
			assert.equal(await page.locator('.workers .tab').count(), 2);
			assert.equal(await page.locator('.workers li').count(), 4);
		}
	});

	test('a message to everyone shows in both, with who sent it and from which worker',
		{ timeout: 60000, skip }, async () => {
			await left.send('Good morning from over here');
			const there = await right.message('Good morning');
			const origin = await there.locator('.origin').textContent();
			assert.ok(origin.includes(await left.name()), origin);
			assert.ok(origin.includes(await left.worker()), origin);
			assert.ok(origin.includes('to everyone'), origin);
			assert.match(await (await left.message('Good morning')).textContent(), /^You/);
			await right.send('And to you, from another process');
			await left.message('And to you');
		});

	test('a room reaches who has joined it, until they leave', { timeout: 60000, skip }, async () => {
		await right.toggle('garden', true);
		await left.send('The roses are out', 'A room', 'garden');
		assert.match(await (await right.message('The roses are out')).textContent(), /to garden/);
		await left.page.locator('.feed .ghost', { hasText: 'The roses are out' }).waitFor();

		await right.toggle('garden', false);
		await left.send('Nobody reads this', 'A room', 'garden');
		await left.send('Everybody reads this');
		await right.message('Everybody reads this');
		assert.ok(!(await right.messages()).includes('Nobody reads this'));
	});

	test('all but a room leaves out who is in it', { timeout: 60000, skip }, async () => {
		await right.toggle('harbour', true);
		await left.send('Not for sailors', 'All but a room', 'harbour');
		await left.message('Not for sailors');
		await left.send('For sailors too');
		await right.message('For sailors too');
		assert.ok(!(await right.messages()).includes('Not for sailors'));
	});

	test('a room of one’s own can be joined by name', { timeout: 60000, skip }, async () => {
		for (const { page } of [left, right]) {
			await page.getByLabel('Name of a room to join').fill('library');
			await page.getByRole('button', { name: 'Join', exact: true }).click();
			await page.locator('.chip[aria-pressed="true"]', { hasText: 'library' }).waitFor();
		}
		await right.send('Quiet, please', 'A room', 'library');
		assert.match(await (await left.message('Quiet, please')).textContent(), /to library/);
		await right.shoot('talk');
	});

	test('what is sent is shown as text, whatever it looks like', { timeout: 60000, skip }, async () => {
		const text = '<img src=x onerror=alert(1)><b>bold</b>';
		await left.send(text);
		await right.message('bold');
		assert.ok((await right.messages()).includes(text));
	});

	test('the sockets and rooms of all workers are listed, with who serves them',
		{ timeout: 60000, skip }, async () => {
			for (const [here, there] of [[left, right], [right, left]]) {
				const row = await here.row(await there.name());
				assert.ok((await row.textContent()).includes(await there.worker()));
				await row.locator('.seat', { hasText: 'library' }).waitFor();
				const mine = await here.row('This tab');
				assert.ok((await mine.textContent()).includes(await here.worker()));
				await here.page.locator('#all-rooms .room:not(.id)', { hasText: 'library' })
					.locator('.tab').nth(1).waitFor();
				assert.equal(await here.page.locator('#all-rooms .room.id').count(), 2);
			}
		});

	test('a socket of another worker is moved to a room, and hears it; and taken out again',
		{ timeout: 60000, skip }, async () => {
			const name = await right.name();
			await left.page.getByLabel(`Room for ${name}`).fill('cellar');
			await left.page.getByRole('button', { name: `Move ${name}` }).click();
			await left.page.getByText(`Moved ${name} to cellar.`).waitFor();
			await right.page.locator('.chip[aria-pressed="true"]', { hasText: 'cellar' }).waitFor();
			await right.page.locator('.note', { hasText: `${await left.name()} moved this tab` }).waitFor();
			await left.shoot('moved');

			await left.send('Mind the steps', 'A room', 'cellar');
			assert.match(await (await right.message('Mind the steps')).textContent(), /to cellar/);
			await left.send('Not a word in here', 'A room', 'library');
			await left.message('Not a word in here');
			assert.deepEqual(await (await left.row(name)).locator('.seat').allTextContents(), ['cellar×']);

			await left.page.getByRole('button', { name: `Take ${name} out of cellar` }).click();
			await right.page.locator('.chip[aria-pressed="false"]', { hasText: 'cellar' }).waitFor();
			await left.send('Too late', 'A room', 'cellar');
			await left.send('For the whole house');
			await right.message('For the whole house');
			const heard = await right.messages();
			assert.ok(!heard.includes('Too late') && !heard.includes('Not a word in here'), heard);
			await right.toggle('library', true);
		});

	test('what is typed stays when the table is asked for anew', { timeout: 60000, skip }, async () => {
		const input = left.page.getByLabel(`Room for ${await right.name()}`);
		await input.fill('half a na');
		await right.toggle('attic', true);
		await (await left.row(await right.name())).locator('.seat', { hasText: 'attic' }).waitFor();
		assert.equal(await input.inputValue(), 'half a na');
		assert.ok(await input.evaluate((element) => element === document.activeElement));
		await input.fill('');
		await right.toggle('attic', false);
	});

	test('a socket of another worker is disconnected, and comes back when it wants to',
		{ timeout: 60000, skip }, async () => {
			const name = await right.name();
			await left.page.getByRole('button', { name: `Disconnect ${name}` }).click();
			await right.page.getByText(`Disconnected by ${await left.name()}`).waitFor();
			await left.page.locator('#sockets tr', { hasText: name }).waitFor({ state: 'detached' });
			await right.page.getByRole('button', { name: 'Connect again' }).click();
			await right.isIn('live');
			await left.row(name);
			await right.switchFrom(await left.worker());
		});

	test('every worker gives one answer, and the time it took is shown', { timeout: 60000, skip }, async () => {
		await left.page.getByRole('button', { name: 'Ask every worker' }).click();
		const answers = await left.answers(4);
		assert.deepEqual(answers.map(([worker]) => worker), [1, 2, 3, 4].map((n) => `worker ${n}`));
		assert.equal(new Set(answers.map(([, process]) => process)).size, 4);
		for (const [, process, uptime, memory] of answers) {
			assert.match(process, /^pid \d+, id \d+$/);
			assert.match(uptime, /^\d+ (s|min)$/);
			assert.match(memory, /^\d+ MB$/);
		}
		assert.equal(answers.reduce((sum, row) => sum + Number(row[4]), 0), 2);
		assert.match(await left.page.locator('#asked').textContent(), /in [\d.]+ ms/);
		await left.shoot('asked');
	});

	test('a question ends with the worker that is killed, and their number is right at once',
		{ timeout: 60000, skip }, async () => {
			const taken = [await left.worker(), await right.worker()];
			const victim = [1, 2, 3, 4].find((n) => !taken.includes(`worker ${n}`));
			const state = left.page.locator('#state-text');
			await left.page.evaluate(() => {
				window.seen = [];
				new MutationObserver(() => window.seen.push(document.getElementById('state-text').textContent))
					.observe(document.getElementById('state-text'), { childList: true });
			});
			await left.page.getByRole('button', { name: `Kill worker ${victim}` }).click();
			await left.answers(3);
			assert.match(await left.page.locator('#asked').textContent(),
				new RegExp(`^Worker ${victim} died with the question: 3 answers in `));
			await left.page.waitForFunction(() => window.seen.includes('Live on 3 workers'));
			await state.filter({ hasText: 'Live on 4 workers' }).waitFor();
			await left.page.locator(`[data-worker="${victim}"]:not(.silent)`).waitFor();
		});

	test('nothing is wider than the page', { timeout: 60000, skip }, async () => {
		for (const width of [1280, 400, 320]) {
			await left.page.setViewportSize({ width, height: 800 });
			assert.equal(await left.page.evaluate(() => document.documentElement.scrollWidth), width);
		}
		await left.page.setViewportSize(SHOTS.light.viewport);
	});

	test('another site’s page gets no connection', { timeout: 60000, skip }, async () => {
		const upgrade = (origin) => new Promise((resolve, reject) => {
			const request = http.get(new URL('socket.io/?EIO=4&transport=websocket', app.url), {
				headers: {
					connection: 'Upgrade',
					upgrade: 'websocket',
					'sec-websocket-version': '13',
					'sec-websocket-key': Buffer.alloc(16).toString('base64'),
					origin,
				},
			});
			request.on('error', reject);
			request.on('upgrade', (response, socket) => {
				socket.destroy();
				resolve(response.statusCode);
			});
			request.on('response', (response) => {
				response.resume();
				resolve(response.statusCode);
			});
		});
		assert.equal(await upgrade('http://example.org'), 400);
		assert.equal(await upgrade('null'), 400);
		assert.equal(await upgrade(new URL(app.url).origin), 101);
	});

	test('no file is missing and the console stays empty', { timeout: 60000, skip }, async () => {
		assert.deepEqual([...left.complaints, ...right.complaints], []);
	});

	test('the page says when the daemon is away and when it is back', { timeout: 90000, skip }, async () => {
		await app.pm2.run('stop', 'pm2adapterd');
		await left.isIn('alone');
		await left.shoot('alone');
		await app.pm2.run('start', 'pm2adapterd');
		await left.isIn('live');
		await right.isIn('live');
		await left.send('Together again');
		await right.message('Together again');
	});

	test('a tab whose worker dies finds another one, and keeps its rooms', { timeout: 90000, skip }, async () => {
		const pid = Number((await right.page.locator('#process').textContent()).replace(/\D/g, ''));
		process.kill(pid, 'SIGKILL');
		await right.page.waitForFunction((old) => {
			const text = document.getElementById('process').textContent;
			return text && !text.endsWith(` ${old}`);
		}, pid);
		await right.isIn('live');
		await left.send('Still with us?', 'A room', 'library');
		await right.message('Still with us?');
	});
});
