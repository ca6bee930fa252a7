'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { chromium } = require('playwright-core');

const { startApp } = require('./support/pm2');

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const STEP_MS = 15000;
const ARGS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const SHOTS = {
	light: { colorScheme: 'light', viewport: { width: 1100, height: 760 } },
	dark: { colorScheme: 'dark', viewport: { width: 1100, height: 760 } },
	phone: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
	'phone-dark': { colorScheme: 'dark', viewport: { width: 390, height: 844 } },
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

	isIn(state) {
		return this.page.locator(`#state[data-state="${state}"]`).waitFor();
	}

	worker() {
		return this.page.locator('#worker').textContent();
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
			await this.page.screenshot({ path: path.join(folder, `${name}-${kind}.png`) });
		}
	}
}

describe('the demo page', () => {
	let app;
	let browser;
	let left;
	let right;

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

	test('two tabs come to two workers, and each shows both', { timeout: 60000, skip }, async () => {
		await left.open(app.url);
		await left.shoot('empty');
		await right.open(app.url);
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
