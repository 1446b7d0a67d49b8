import { createHttpBindingApp } from "../blocks/bindings/app-http.ts";
import { type Bindings, createBindings } from "../blocks/bindings/bindings.ts";
import {
  type BindingApp,
  EventError,
  type OpenBinding,
  type Policy,
  type TraceBelow,
} from "../blocks/bindings/ports.ts";
import type { Options } from "../config/options.ts";
import { bindingDirections } from "../driver/bindings.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import type { Platform } from "../platform/types.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import type { Log } from "../telemetry/ports.ts";
import type { App } from "./app.ts";
import type { Telemetry } from "./telemetry.ts";

export interface BindingsWiring {
  readonly platform: Platform;
  readonly options: Options;
  readonly components: Components;
  readonly resiliency: PolicyProvider;
  readonly telemetry: Telemetry;
  readonly app: App;
  readonly log: Log;
}

/** Runs once, as it is: what stands where no policy is configured. */
const once: Policy = (run, signal) => run(signal);

/** A binding as far as the metadata of its component lets it work. */
function openBinding({ name, instance, properties }: LoadedComponent<"bindings">): OpenBinding {
  const directions = bindingDirections(properties);
  return {
    name,
    binding: instance,
    isInput: instance.read !== undefined && (directions?.has("input") ?? true),
    isOutput: instance.invoke !== undefined && (directions?.has("output") ?? true),
    isExplicitInput: directions?.has("input") ?? false,
    // compat: this item's name is matched with its case (pkg/runtime/processor/binding/binding.go)
    route: properties.get("route") || name,
  };
}

/** Joins the bindings to components and app. */
export async function wireBindings(wiring: BindingsWiring): Promise<Bindings> {
  const { platform, options, components, resiliency, telemetry } = wiring;
  const { tracer } = telemetry;
  const below: TraceBelow = (parent, name) => {
    const trace = tracer.begin(parent.traceparent || null, parent.tracestate || null);
    if (trace.span !== undefined) trace.span.name = name;
    return trace;
  };
  const app = await bindingAppOf(wiring.app, below);
  return createBindings({
    bindings: {
      find(name) {
        const component = components.find("bindings", name);
        return component === undefined ? undefined : openBinding(component);
      },
      list: () =>
        components
          .list()
          .filter((component) => component.category === "bindings")
          .map((component) => openBinding(component as LoadedComponent<"bindings">)),
    },
    app: () => app,
    inbound(name) {
      const policy = resiliency.inbound(name, "Binding");
      if (policy === undefined) return once;
      const use = { judge: (error: unknown) => (error instanceof EventError ? error.code : undefined) };
      return (run, signal) => policy.run(run, signal, use);
    },
    probeTimeoutMs: options.app.bindingOptionsTimeoutMs,
    clock: platform.clock,
    log: wiring.log.scope("dapr.runtime.processor.binding"),
    meter: telemetry.components,
  });
}

async function bindingAppOf(app: App, below: TraceBelow): Promise<BindingApp | undefined> {
  if (app.http !== undefined) return createHttpBindingApp({ channel: app.http, below });
  if (app.grpc === undefined) return undefined;
  const { createGrpcBindingApp } = await import("../blocks/bindings/app-grpc.ts");
  return createGrpcBindingApp({ channel: app.grpc, below });
}
