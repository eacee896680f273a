// Asks the JavaScript libraries about each case on standard input; prints what they say as JSON.

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

function accepts(library, { secret, body, headers }) {
  try {
    new library.Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof library.WebhookVerificationError) return false;
    throw error;
  }
}

// What the documentation of social.plus says a receiver does.
function amity({ secret, body, headers }) {
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = Buffer.from(headers["x-amity-signature"] ?? "", "base64");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const said = JSON.parse(readFileSync(0, "utf8")).map((one) => ({
  name: one.name,
  libraries: {
    standardwebhooks: accepts(standardwebhooks, one),
    svix: accepts(svix, one),
  },
  amity: amity(one),
}));
process.stdout.write(JSON.stringify(said));
