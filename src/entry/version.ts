/** Version of Pillion; the build and package.json give the same number (a test compares them). */
export const version = "0.1.0";

/** The release of upstream whose wire is spoken; the metadata API and log lines show it. */
export const wireVersion = "1.18.1";
