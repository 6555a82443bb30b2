/** Processes that do nothing, until there is room for so many. */
export const fillProcesses = (left: number) => `
  (fun Fill() ->
    case erlang:system_info(process_limit) - erlang:system_info(process_count) of
      Left when Left =< ${left} -> Left;
      _ -> spawn(fun() -> receive stop -> ok end end), Fill()
    end
  end)()`
