// Times as the data has them: microseconds since 1970 in UTC, which a double holds exactly.
"use strict";

(() => {
  const SECOND = 1_000_000;
  const MINUTE = 60 * SECOND;
  const HOUR = 60 * MINUTE;
  const DAY = 24 * HOUR;

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

  /** The time that `text` is, as URLs write it; null if it is none. */
  function parse(text) {
    const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z$/.exec(text ?? "");
    const milliseconds = found ? Date.parse(`${found[1]}Z`) : NaN;
    return Number.isNaN(milliseconds) ? null : milliseconds * 1000 + Number((found[2] ?? "").padEnd(6, "0"));
  }

  /** `time` as URLs write it. */
  function iso(time) {
    const rest = ((time % SECOND) + SECOND) % SECOND;
    const text = new Date((time - rest) / 1000).toISOString().slice(0, 19);
    return rest ? `${text}.${String(rest).padStart(6, "0")}Z` : `${text}Z`;
  }

  /** Says times in a language and a time zone. */
  class Clock {
    constructor(language, zone) {
      this.language = supported(language);
      this.refused = !understood(zone);
      this.zone = this.refused ? "UTC" : zone;
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

    /** The whole of a time as the page writes times in every language, with fractions of a second if it has any. */
    moment(time) {
      return this.written(time).join(" ");
    }

    /** The end of a span: its date only if it is another than that of the start. */
    end(start, time) {
      const [date, timeOfDay] = this.written(time);
      return date === this.written(start)[0] ? timeOfDay : `${date} ${timeOfDay}`;
    }

    /** Date and time of day; with the offset from UTC if the times around are not all of the same. */
    written(time) {
      const [date, timeOfDay] = iso(this.wall(time)).slice(0, -1).split("T");
      return [date, this.withOffset ? `${timeOfDay}${this.offset(time)}` : timeOfDay];
    }

    offset(time) {
      const minutes = Math.round((this.wall(time) - time) / MINUTE);
      const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
      return `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
    }

    /** Whether clocks are changed between two times. */
    isChanged(from, until) {
      const steps = Math.ceil((until - from) / (30 * DAY));
      const times = Array.from({ length: steps + 1 }, (_, step) => from + ((until - from) * step) / steps);
      return new Set(times.map((time) => this.offset(time))).size > 1;
    }

    /** What a clock on the wall shows at `time`, as if it were UTC. */
    wall(time) {
      const whole = Math.floor(time / SECOND) * SECOND;
      const part = {};
      for (const { type, value } of this.parts.formatToParts(whole / 1000)) part[type] = Number(value);
      const shown = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
      return shown * 1000 + (time - whole);
    }

    /** When the clock on the wall shows `wall`; if it skips that, a time close to it. */
    time(wall) {
      const guess = wall - (this.wall(wall) - wall);
      return guess - (this.wall(guess) - wall);
    }

    /** A length of time in its two largest units. */
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

  function understood(zone) {
    try {
      return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone || "UTC" }));
    } catch {
      return false;
    }
  }

  function supported(language) {
    try {
      return Intl.DateTimeFormat.supportedLocalesOf(language)[0] ?? "en";
    } catch {
      return "en";
    }
  }

  window.presenceTimeline ??= {};
  window.presenceTimeline.times = { SECOND, MINUTE, HOUR, DAY, parse, iso, Clock };
})();
