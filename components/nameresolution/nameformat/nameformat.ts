import { defineNameResolver } from "../../../src/driver/define-driver.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import { m } from "../../../src/kit/schema/codecs.ts";
import { joinHostPort, splitHostPort } from "../../_shared/host-port.ts";

const placeholder = "{appid}";

/** Addresses made from app ids alone. */
export default defineNameResolver({
  type: "nameresolution.nameformat",
  versions: ["v1"],
  status: "alpha",
  summary: "Addresses made from app ids by a format",
  metadata: {
    format: m
      .text()
      .required("format is required in metadata")
      .help("Address with `{appid}` in it; without a port it gets 50002, the internal port of sidecars"),
  },
  async open({ format }) {
    if (!format.includes(placeholder)) {
      throw new DriverError("badMetadata", `format must contain ${placeholder} placeholder`);
    }
    return {
      async resolve({ appId, port }) {
        if (appId === "") throw new DriverError("badRequest", "empty ID not allowed");
        const address = format.replaceAll(placeholder, () => appId);
        const parts = splitHostPort(address);
        return [parts?.port === "" ? joinHostPort(parts.host, port) : address];
      },
      async close() {},
    };
  },
});
