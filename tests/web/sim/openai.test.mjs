import OpenAI from 'openai';
import { describeClient } from './clients.mjs';

describeClient(
  'the OpenAI SDK',
  ({ url, ...options }) => new OpenAI({ baseURL: `${url}/v1`, ...options }),
  OpenAI,
  { readsFlatErrors: false },
);
