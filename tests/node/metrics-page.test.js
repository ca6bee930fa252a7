'use strict';

/* The page of metrics-listen in a real browser, with real traffic beneath it. */

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { chromium } = require('playwright-core');

const { Client } = require('../../src/node');
const { needs } = require('../support/needs');
const { Daemon } = require('../support/daemon');
const { freePort } = require('../support/free-port');

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const STEP_MS = 15000;
const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync'];
const SHOTS = {
	light: { colorScheme: 'light', viewport: { width: 1180, height: 760 } },
	dark: { colorScheme: 'dark', viewport: { width: 1180, height: 760 } },
	phone: { colorScheme: 'light', viewport: { width: 390, height: 1000 } },
};
const EVIL = '<img src=x onerror="document.title=1">';
const HIDDEN = 'a\u202eb\u200bc';

describe('the page of metrics-listen', needs(CHROMIUM), () => {
	let daemon;
	let browser;
	let url;
	let timer;
	const clients = [];

	before(async () => {
		const port = await freePort();
		url = `http://127.0.0.1:${port}/`;
		daemon = await Daemon.start({ args: ['--metrics-listen', `127.0.0.1:${port}`] });
		for (const name of ['chat', 'chat', HIDDEN, EVIL]) {
			const client = new Client({ socket: daemon.socket, name, ref: true });
			client.subscribe('socket.io#/#');
			clients.push(client);
			await client.connect().ready();
		}
		let n = 0;
		timer = setInterval(() => {
			for (let i = 0; i < 20 + 15 * Math.sin(n / 12); i++)
				clients[i % 4].publish('socket.io#/#', Buffer.alloc(200));
			n++;
		}, 50);
		browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
	});

	after(async () => {
		clearInterval(timer);
		clients.forEach((client) => client.destroy());
		await browser?.close();
		await daemon?.stop();
	});

	async function withPage(options, body) {
		const context = await browser.newContext(options);
		const page = await context.newPage();
		const complaints = [];
		const requests = [];
		page.setDefaultTimeout(STEP_MS);
		page.on('console', (message) => complaints.push(message.text()));
		page.on('pageerror', (err) => complaints.push(String(err)));
		page.on('request', (request) => requests.push(request.url()));
		try {
			await page.goto(url);
			await page.locator('#light.good').waitFor();
			await body(page);
			assert.deepStrictEqual(complaints, []);
			assert.deepStrictEqual(
				requests.filter((to) => !to.startsWith(url) && !to.startsWith('data:')), []);
		} finally {
			await context.close();
		}
	}

	test('it draws what is delivered, and the table has the workers', async () => {
		await withPage({}, async (page) => {
			await page.waitForFunction(() => document.querySelector('#chart-delivered .curve')
				?.getAttribute('points').split(' ').length >= 4);
			const rate = await page.locator('#delivered').textContent();
			assert.ok(Number(rate.replace(/[^\d]/g, '')) > 100, rate);
			assert.strictEqual(await page.locator('#connections').textContent(), '4');
			assert.deepStrictEqual(await page.locator('#workers td:first-child').allTextContents(),
				['chat', 'chat', 'a\\u{202e}b\\u{200b}c', EVIL]);
			const pids = await page.locator('#workers td:nth-child(3)').allTextContents();
			assert.deepStrictEqual(new Set(pids), new Set([String(process.pid)]));
			assert.match(await page.title(), /^4 workers/);
			const facts = await page.locator('#facts').textContent();
			assert.match(facts, /Workers4.*Message p99.*Loop busy/);
			assert.ok(await page.locator('#trouble').isHidden());
		});
	});

	test('it is as wide as the window, on a phone too, and looks so', async () => {
		for (const [name, options] of Object.entries(SHOTS))
			await withPage(options, async (page) => {
				await page.waitForFunction(() => document.querySelector('#chart-delivered .curve')
					?.getAttribute('points').split(' ').length >= 3);
				const [wide, window] = await page.evaluate(() =>
					[document.documentElement.scrollWidth, innerWidth]);
				assert.ok(wide <= window, `${name}: ${wide} of ${window}`);
				if (process.env.SCREENSHOTS) {
					await page.waitForTimeout(Number(process.env.SCREENSHOT_AFTER_MS || 0));
					await page.screenshot(
						{ path: path.join(process.env.SCREENSHOTS, `metrics-${name}.png`) });
				}
			});
	});

	test('a daemon that does not answer shows as that', async () => {
		await withPage({}, async (page) => {
			await page.route('**/stats.json*', (route) => route.abort());
			await page.locator('#light.bad').waitFor();
			assert.strictEqual(await page.locator('#state').textContent(), 'does not answer');
			await page.unroute('**/stats.json*');
			await page.locator('#light.good').waitFor();
		}).catch((err) => {
			// The browser says by itself that a request has failed.
			if (!/ERR_FAILED/.test(err.message))
				throw err;
		});
	});

	test('there is a browser to test with', () => {
		assert.ok(fs.existsSync(CHROMIUM));
	});
});
