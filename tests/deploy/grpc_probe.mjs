// Asks grpc.health.v1.Health as the kubelet does, in clear text, and prints the status: 1 is SERVING.
// usage: grpc_probe.mjs HOST:PORT SERVICE
import http2 from 'node:http2';

const [address, service] = process.argv.slice(2);
const name = Buffer.from(service);
const message = Buffer.concat([Buffer.from([0x0a, name.length]), name]);  // field 1, the service
const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);

const session = http2.connect(`http://${address}`);
session.on('error', error => { console.error(error.message); process.exit(1); });
session.setTimeout(10_000, () => { console.error('no answer'); process.exit(1); });
const call = session.request({
  ':method': 'POST', ':path': '/grpc.health.v1.Health/Check',
  'content-type': 'application/grpc', te: 'trailers',
});
const chunks = [];
let status = '';
call.on('response', headers => { status = headers['grpc-status'] ?? status; });
call.on('trailers', headers => { status = headers['grpc-status'] ?? status; });
call.on('data', chunk => chunks.push(chunk));
call.on('end', () => {
  const reply = Buffer.concat(chunks).subarray(5);  // field 1, the status
  console.log(status === '0' && reply[0] === 0x08 ? String(reply[1]) : `grpc-status ${status}`);
  session.close();
});
call.end(frame);
