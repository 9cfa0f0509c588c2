import { describe, expect, it } from "vitest";
import { ago, band, counted, dollars, duration, moment } from "./format";

describe("numbers as people read them", () => {
  it.each([
    [0, "0 ms"],
    [412, "412 ms"],
    [4_130, "4.1 s"],
    [9_960, "10 s"],
    [59_900, "1 min 00 s"],
    [200_000, "3 min 20 s"],
    [7_500_000, "2 h 05 min"],
    [273_600_000, "3 d 4 h"],
  ])("%d ms take %s", (ms, text) => expect(duration(ms)).toBe(text));

  it.each([
    [24.2, 31.4, "24 to 31 s"],
    [0.2, 0.4, "1 s"],
    [50, 130, "50 s to 2 min"],
    [3, 12, "3 to 12 s"],
    [175, 1_690, "3 to 28 min"],
    [635, 6_300, "11 min to 1 h 45 min"],
  ])("between %d and %d s are %s", (low, high, text) => expect(band(low, high)).toBe(text));

  it.each([
    ["0.0000", "$0.00"],
    ["0.000012", "< $0.0001"],
    ["0.0042", "$0.0042"],
    ["1.274", "$1.27"],
    ["1204.5", "$1,204.50"],
    ["1.999", "$2.00"],
  ])("%s is %s", (decimal, text) => expect(dollars(decimal)).toBe(text));

  it("things are counted", () => {
    expect(counted(1, "item")).toBe("1 item");
    expect(counted(1204, "item")).toBe("1,204 items");
  });

  it("times are as exact as they are near", () => {
    const now = new Date(2026, 10, 22, 15, 0);
    expect(moment(new Date(2026, 10, 22, 14, 2).toISOString(), now)).toBe("14:02");
    expect(moment(new Date(2026, 10, 21, 14, 2).toISOString(), now)).toBe("21 Nov, 14:02");
    expect(moment(new Date(2025, 10, 21).toISOString(), now)).toBe("21 Nov 2025");
    expect(ago(new Date(0).toISOString(), 61_000)).toBe("1 min ago");
  });
});
