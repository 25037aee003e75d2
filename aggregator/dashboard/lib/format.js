// Times and numbers for people.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export const ms = (time) => (typeof time === "number" ? time : Date.parse(time));
export const time = (value) => clock.format(ms(value));
export const hour = (value) => short.format(ms(value));
export const date = (value) => day.format(ms(value));

/** `14:03:11`, with the day when it is not today. */
export function moment(value) {
  const when = ms(value);
  const midnight = new Date().setHours(0, 0, 0, 0);
  return when >= midnight && when < midnight + 86400e3 ? time(when) : `${date(when)} ${time(when)}`;
}

/** `12 s`, `4 min`, `2.5 h`, `3 d`. */
export function span(milliseconds) {
  const seconds = Math.max(0, milliseconds / 1000);
  if (seconds < 90) return `${seconds < 9.5 ? seconds.toFixed(seconds < 2 ? 1 : 0) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `${+(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function ago(value) {
  const gone = Date.now() - ms(value);
  return gone < 2000 ? "now" : `${span(gone)} ago`;
}

export const percent = (share) => (share >= 0.995 ? "over 99 %" : share < 0.005 ? "under 1 %" : `${Math.round(share * 100)} %`);
export const count = (n) => n.toLocaleString();
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
