import type { Random } from "../kit/random.ts";

const first =
  "amber brave bright calm clever coral crisp dapper eager early fair fancy gentle golden happy honest jolly keen kind lively lucky mellow merry mighty modest noble patient polite proud quick quiet rapid ready rosy silent silver simple smart snowy solid spry steady sunny swift tidy warm wise witty young".split(
    " ",
  );
const second =
  "acorn anchor badger beacon birch brook canoe cedar cliff comet crane delta dune ember falcon fern finch forest fox garden glade harbor hazel heron island jasper lantern lark lynx maple meadow mill orchid otter owl panda pebble pine planet quail raven reef river robin sparrow stone thistle tulip valley willow".split(
    " ",
  );

/** A name of two words for an app that was given none. */
export function generateAppId(random: Random): string {
  const pick = (words: readonly string[]): string => words[Math.floor(random.fraction() * words.length)] ?? "app";
  return `${pick(first)}-${pick(second)}`;
}
