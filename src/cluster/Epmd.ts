import { Effect } from "effect"
import { names } from "../dist/Epmd.ts"
import { isLoopback, parseNodeName } from "../dist/NodeName.ts"
import { endpointText } from "../dist/Transport.ts"
import { failed, type Look, type Sighting, told } from "./Look.ts"

/**
 * The nodes that are registered with an EPMD, like `net_adm:names/1`. Takes no cookie, and proves little: anybody on
 * that host can register a name. On a host that is asked for by the name that all machines have for themselves, EPMD
 * does not tell what stands behind the @ of its nodes.
 */
export const lookAtEpmd = (at: { readonly host: string; readonly port: number }, timeoutMillis: number) => {
  const part = endpointText(at)
  return names(at, timeoutMillis).pipe(
    Effect.map((registered): Look => {
      const sightings = registered.flatMap(({ name, port }): ReadonlyArray<Sighting> => {
        const parsed = parseNodeName(`${name}@${at.host}`)
        if ("problem" in parsed || port > 65_535) return []
        const named = isLoopback(at.host) ? { node: name } : { node: parsed.full, isGuess: true as const }
        return [{ ...named, part, host: at.host, port, epmdPort: at.port }]
      })
      return told(part, sightings, registered.length - sightings.length)
    }),
    Effect.catch((error) => Effect.succeed(failed(error.message, part)))
  )
}
