code.js
import a from './b'; // 'no'
const u = 'https://n8n.mirror.example/webhook/' + id + "\u0061", v = `x${$env.BASE}/y${`z${1}`}`;
if (a) /'x"/.test(b); fetch(u ? 'a' : "b", {method: 'POST'}); process.env['C']; $vars.D
