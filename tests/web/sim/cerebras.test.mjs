import Cerebras from '@cerebras/cerebras_cloud_sdk';
import { describeClient } from './clients.mjs';

describeClient(
  'the Cerebras SDK',
  ({ url, ...options }) => new Cerebras({ baseURL: url, ...options }),
  Cerebras,
  { readsFlatErrors: true },
);
