/** Lists in pages, with the header that tells of the next. */

export interface Page<T> {
  readonly items: T[];
  readonly headers: Record<string, string>;
}

const whole = (text: string | null, otherwise: number): number => {
  const number = Number(text ?? Number.NaN);
  return Number.isInteger(number) && number > 0 ? number : otherwise;
};

export function pageOf<T>(all: readonly T[], requestUrl: string): Page<T> {
  const url = new URL(requestUrl);
  const perPage = Math.min(whole(url.searchParams.get("per_page"), 30), 100);
  const page = whole(url.searchParams.get("page"), 1);
  const items = all.slice((page - 1) * perPage, page * perPage);
  if (page * perPage >= all.length) return { items, headers: {} };
  url.searchParams.set("page", String(page + 1));
  return { items, headers: { link: `<${url.href}>; rel="next"` } };
}
