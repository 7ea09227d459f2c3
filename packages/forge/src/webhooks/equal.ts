/** Whether two texts are equal, in a time that does not tell how much of them is. */
export async function equalInConstantTime(a: string, b: string): Promise<boolean> {
  const key = await crypto.subtle.importKey(
    "raw",
    crypto.getRandomValues(new Uint8Array(32)),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all(
    [a, b].map(async (text) => new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text)))),
  );
  let difference = 0;
  left?.forEach((byte, i) => {
    difference |= byte ^ (right?.[i] ?? 256);
  });
  return difference === 0;
}
