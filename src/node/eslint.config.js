'use strict';

const js = require('@eslint/js');

const NODE = {
	Buffer: 'readonly',
	__dirname: 'readonly',
	clearImmediate: 'readonly',
	clearInterval: 'readonly',
	clearTimeout: 'readonly',
	console: 'readonly',
	exports: 'writable',
	module: 'writable',
	performance: 'readonly',
	process: 'readonly',
	require: 'readonly',
	setImmediate: 'readonly',
	setInterval: 'readonly',
	setTimeout: 'readonly',
	structuredClone: 'readonly',
	TextDecoder: 'readonly',
	URL: 'readonly',
	fetch: 'readonly',
};

const PAGE = {
	innerWidth: 'readonly',
	fetch: 'readonly',
	AbortSignal: 'readonly',
	clearTimeout: 'readonly',
	document: 'readonly',
	FormData: 'readonly',
	MutationObserver: 'readonly',
	history: 'readonly',
	location: 'readonly',
	localStorage: 'readonly',
	matchMedia: 'readonly',
	navigator: 'readonly',
	sessionStorage: 'readonly',
	setTimeout: 'readonly',
	URLSearchParams: 'readonly',
	window: 'readonly',
};

module.exports = [
	{ ignores: ['**/node_modules/**', '**/build/**'] },
	{
		files: ['src/node/**/*.js', 'docs/demo/**/*.js', 'src/ops/page/*.js', 'tests/**/*.js', 'conf/*.js'],
		...js.configs.recommended,
		languageOptions: {
			ecmaVersion: 2022,
			sourceType: 'commonjs',
			globals: NODE,
		},
		rules: {
			...js.configs.recommended.rules,
			'no-control-regex': 'off', // tests look for control characters
			'no-shadow': 'error',
			'no-var': 'error',
			'prefer-const': 'error',
			'eqeqeq': ['error', 'always', { null: 'ignore' }],
			strict: ['error', 'global'],
		},
	},
	{
		files: ['tests/**/*.js'],
		rules: { 'no-shadow': 'off' },
	},
	{
		files: ['docs/demo/page/*.js', 'src/ops/page/*.js', 'tests/node/*page.test.js'],
		languageOptions: { globals: PAGE },
	},
];
