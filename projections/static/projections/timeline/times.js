// Parses, formats and converts times. A time is the number of microseconds since 1970 in UTC, exact in a double.

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DATE = { day: "numeric", month: "short", year: "numeric" };
const STYLES = {
  fraction: { ...TIME, second: "2-digit", fractionalSecondDigits: 3 },
  second: { ...TIME, second: "2-digit" },
  minute: TIME,
  weekday: { weekday: "short", day: "numeric" },
  day: { day: "numeric", month: "short" },
  longDay: { ...DATE, weekday: "short" },
  month: { month: "short" },
  longMonth: { month: "long", year: "numeric" },
  year: { year: "numeric" },
};
const UNITS = [
  ["day", DAY],
  ["hour", HOUR],
  ["minute", MINUTE],
  ["second", SECOND],
];

/** The time that `text` states in the form of an address; null for any other text. */
export function parse(text) {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text ?? "");
  const milliseconds = found ? Date.parse(`${found[1]}Z`) : NaN;
  return Number.isNaN(milliseconds) ? null : milliseconds * 1000 + Number((found[2] ?? "").padEnd(6, "0"));
}

/** `time` in the form of an address. */
export function iso(time) {
  const rest = ((time % SECOND) + SECOND) % SECOND;
  const text = new Date((time - rest) / 1000).toISOString().slice(0, 19);
  return rest ? `${text}.${String(rest).padStart(6, "0")}Z` : `${text}Z`;
}

/** Formats times in a language and a time zone. */
export class Clock {
  constructor(language, zone) {
    this.language = supportedLanguage(language);
    this.isZoneUnknown = !isKnownZone(zone);
    this.zone = this.isZoneUnknown ? "UTC" : zone;
    this.formats = new Map();
    this.withOffset = false;
    this.parts = new Intl.DateTimeFormat("en-US", {
      timeZone: this.zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  }

  format(style, time) {
    let format = this.formats.get(style);
    if (!format) {
      format = new Intl.DateTimeFormat(this.language, { ...STYLES[style], timeZone: this.zone });
      this.formats.set(style, format);
    }
    return format.format(time / 1000);
  }

  /** A time as the page writes it in every language: date and time of day, with fractions of a second if it has any. */
  timestamp(time) {
    return this.dateAndTime(time).join(" ");
  }

  /** The end of a span, with its date only if that differs from the date of the start. */
  end(start, time) {
    const [date, timeOfDay] = this.dateAndTime(time);
    return date === this.dateAndTime(start)[0] ? timeOfDay : `${date} ${timeOfDay}`;
  }

  /** The date, and the time of day: with its offset from UTC if `withOffset` is set. */
  dateAndTime(time) {
    const [date, timeOfDay] = iso(this.wall(time)).slice(0, -1).split("T");
    return [date, this.withOffset ? `${timeOfDay}${this.offset(time)}` : timeOfDay];
  }

  offset(time) {
    const minutes = Math.round((this.wall(time) - time) / MINUTE);
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
  }

  /** Whether clocks change between two times. */
  hasClockChange(from, until) {
    const steps = Math.ceil((until - from) / (30 * DAY));
    const times = Array.from({ length: steps + 1 }, (_, step) => from + ((until - from) * step) / steps);
    return new Set(times.map((time) => this.offset(time))).size > 1;
  }

  /** The local reading at `time`, as a time that has this reading in UTC. */
  wall(time) {
    const whole = Math.floor(time / SECOND) * SECOND;
    const part = {};
    for (const { type, value } of this.parts.formatToParts(whole / 1000)) part[type] = Number(value);
    const shown = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
    return shown * 1000 + (time - whole);
  }

  /** The time with the local reading `wall`; a time close to it if clocks skip that reading. */
  time(wall) {
    const guess = wall - (this.wall(wall) - wall);
    return guess - (this.wall(guess) - wall);
  }

  /** A duration in its two largest units. */
  duration(length) {
    const first = UNITS.findIndex(([, size]) => length >= size);
    if (length < MINUTE) return this.unit("second", length / SECOND, length < 10 * SECOND ? 1 : 0);
    const [[unit, size], [nextUnit, nextSize]] = UNITS.slice(first, first + 2);
    const rest = Math.floor((length % size) / nextSize);
    const texts = [this.unit(unit, Math.floor(length / size), 0)];
    if (rest) texts.push(this.unit(nextUnit, rest, 0));
    return new Intl.ListFormat(this.language, { type: "unit", style: "short" }).format(texts);
  }

  unit(unit, number, digits) {
    const rounded = Math.floor(number * 10 ** digits) / 10 ** digits;
    return new Intl.NumberFormat(this.language, { style: "unit", unit, unitDisplay: "short" }).format(rounded);
  }

  number(number) {
    return new Intl.NumberFormat(this.language).format(number);
  }
}

function isKnownZone(zone) {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone || "UTC" }));
  } catch {
    return false;
  }
}

function supportedLanguage(language) {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(language)[0] ?? "en";
  } catch {
    return "en";
  }
}
