/** How long it took from asking for the containers to the first and to the last of them running, in ms. */
export interface LaunchTimes {
  readonly firstMs: number;
  readonly lastMs: number;
}
