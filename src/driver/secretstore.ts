export type Secret = Readonly<Record<string, string>>;

/** A secret store. Methods throw DriverError only. */
export interface SecretStore {
  readonly features: readonly "MULTIPLE_KEY_VALUES_PER_SECRET"[];
  get(name: string, metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Secret>;
  bulkGet(metadata: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Readonly<Record<string, Secret>>>;
  close(): Promise<void>;
}
