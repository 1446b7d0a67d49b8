export interface DriverNames {
  /** `state.redis` */
  readonly type: string;
  /** `redis` */
  readonly name: string;
}

/** Texts of a new driver of one category. */
export interface DriverTemplate {
  /** The file that says what its methods promise. */
  readonly contract: string;
  readonly suite: string;
  source(names: DriverNames): string;
  test(names: DriverNames): string;
}
