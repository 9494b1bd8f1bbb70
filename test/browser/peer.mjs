// One weir-peer process and its JSON lines.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const program = process.env.WEIR_PEER || new URL('../../build/bin/weir-peer', import.meta.url).pathname;

export class Peer {
  constructor(...options) {
    this.lines = [];
    this.waiting = [];
    const binds = options.includes('--bind') ? [] : ['--bind', '10.77.0.1', '--bind', 'fd77::1'];
    this.child = spawn(program, [...binds, ...options], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.complaints = '';
    this.child.stderr.on('data', data => { this.complaints += data; });
    this.exited = new Promise(resolve => this.child.on('exit', (code, signal) => resolve(code ?? signal)));
    createInterface({ input: this.child.stdout }).on('line', line => {
      this.lines.push(JSON.parse(line));
      this.waiting.splice(0).forEach(check => check());
    });
  }

  send(message) { this.child.stdin.write(JSON.stringify(message) + '\n'); }

  // The first line, from `from` on, that `test` accepts.
  wait(what, test, ms = 15000, from = 0) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`weir-peer never said ${what}; it said ${JSON.stringify(this.lines).slice(0, 1500)} ${this.complaints}`)), ms);
      const check = () => {
        const line = this.lines.slice(from).find(test);
        if (line) { clearTimeout(timer); resolve(line); } else { this.waiting.push(check); }
      };
      check();
    });
  }

  state(name, ms, from) { return this.wait(`state ${name}`, line => line.state === name, ms, from); }

  async stats() {
    const from = this.lines.length;
    this.send({ stats: true });
    return (await this.wait('stats', line => line.stats, 5000, from)).stats;
  }

  async bye() {
    this.send({ bye: true });
    const code = await Promise.race([this.exited, new Promise(resolve => setTimeout(() => resolve('did not exit'), 3000))]);
    if (code !== 0) {
      this.child.kill('SIGKILL');
      throw new Error(`weir-peer ended with ${code}: ${this.complaints}`);
    }
  }

  kill() { this.child.kill('SIGKILL'); }
}
