/**
 * The daemon pm2adapterd as an app of an ecosystem file:
 *
 *     apps: [require('socket.io-pm2adapter/pm2')(), { name: 'app', … }]
 *
 * pm2 runs a launcher that becomes the daemon: `$PM2ADAPTERD_BIN`, else the one
 * built from this package, else one in `PATH` or the system's folders.
 * If there is none, it builds one, once; if that fails, pm2 stops the app, and
 * its log says what is missing. pm2 starts the next app when the daemon listens.
 *
 * It returns a plain object, so you can add other settings of pm2 with
 * `{ ...pm2App(), cwd: '/srv' }`.
 *
 * @throws {Pm2aError} PM2A_ERR_OPTION
 */
declare function pm2App(options?: pm2App.Options): pm2App.App;

declare namespace pm2App {
	interface Options {
		/** The app's name in pm2. Default: `pm2adapterd`. */
		name?: string;
		/**
		 * More options of the daemon, such as `['--resp-listen', '127.0.0.1:6379']`
		 * (`npx socket.io-pm2adapter run -- --help` lists them). A `drain-timeout`
		 * of more than 1 s wants a longer `kill_timeout`.
		 */
		args?: string[];
		/**
		 * The daemon's socket. By default `pm2adapterd.sock` in `$PM2_HOME`, where
		 * the adapter looks for it; the adapter's option `socket` names another.
		 */
		socket?: string;
		/** The daemon's configuration file. */
		config?: string;
	}

	interface App {
		name: string;
		script: string;
		args: string[];
		interpreter: string;
		exec_mode: string;
		instances: number;
		wait_ready: boolean;
		listen_timeout: number;
		kill_timeout: number;
		stop_exit_codes: number[];
		env: Record<string, string>;
	}
}

export = pm2App;
