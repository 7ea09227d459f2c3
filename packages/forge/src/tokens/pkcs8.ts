/**
 * GitHub gives an app's key as PKCS#1, which Web Crypto does not read: the same key with the header
 * that PKCS#8 wants (RFC 5208, RFC 8017 A.1).
 */
const PKCS1 = /-----BEGIN RSA PRIVATE KEY-----([^-]+)-----END RSA PRIVATE KEY-----/;
/** Version 0, and the algorithm: rsaEncryption without parameters. */
const HEADER = [
  0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
const SEQUENCE = 0x30;
const OCTETS = 0x04;

function lengthOf(count: number): number[] {
  if (count < 0x80) return [count];
  const bytes: number[] = [];
  for (let rest = count; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 + bytes.length, ...bytes];
}

const element = (tag: number, content: readonly number[]): number[] => [
  tag,
  ...lengthOf(content.length),
  ...content,
];

/** The key as Web Crypto reads it; line ends that were written as `\n` count. */
export function pkcs8(pem: string): string {
  const text = pem.replaceAll(String.raw`\n`, "\n").trim();
  const body = PKCS1.exec(text)?.[1];
  if (body === undefined) return text;
  const inner = Array.from(atob(body.replaceAll(/\s/g, "")), (char) => char.charCodeAt(0));
  const whole = element(SEQUENCE, [...HEADER, ...element(OCTETS, inner)]);
  const base64 = btoa(whole.map((byte) => String.fromCharCode(byte)).join(""));
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}
