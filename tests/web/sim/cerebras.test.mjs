// Debian 12's Node 18.20.4 ends every chunked reply that node-fetch reads with "Premature close", whoever
// serves it (Node's own server too). The SDK's own switch to the platform's fetch avoids that there.
if (process.versions.node.startsWith('18.')) await import('@cerebras/cerebras_cloud_sdk/shims/web');
const { default: Cerebras } = await import('@cerebras/cerebras_cloud_sdk');
const { describeClient } = await import('./clients.mjs');

describeClient(
  'the Cerebras SDK',
  ({ url, ...options }) => new Cerebras({ baseURL: url, ...options }),
  Cerebras,
  { readsFlatErrors: true },
);
