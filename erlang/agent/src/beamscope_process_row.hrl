%% What one process tells of itself: a row of an answer. To be included behind beamscope_process_scan.hrl, in front of
%% the first function.

%% Rows that a helper reads.
-define(AT_ONCE, 5).

-type item() ::
    registered_name
    | current_function
    | initial_call
    | label
    | application
    | own
    | status
    | message_queue_len
    | reductions
    | memory
    | total_heap_size
    | heap_size
    | stack_size
    | group_leader.
%% What a row tells. `initial_call' is the callback of a `proc_lib' process where it can be read. `label' is
%% `{term, Label}', cut where it is large, or `unread' (from OTP 27 on) where the queue is long, the heap is large, or
%% the label is when copied. `own' tells whether the process works for the node that asks. Whatever else is not known, or was not
%% read, is `undefined'.

%% Rows, and `[rows]' where time ran out for some of them. `Read' makes those of an entry or more of `Top', by a plan;
%% where it took long to get at them, helpers read some at a time.
told(Top, false, _, Read, Plan) ->
    {Read(Top, with_copies(Top, Plan)), []};
told(Top, true, Bounds, Read, Plan) ->
    Next = fun(_, Entries) -> some(?AT_ONCE, Entries) end,
    Keep = fun(Some, Rows, Done) -> Done#{Some => Rows} end,
    Look = fun(Some) -> Read(Some, with_copies(Some, Plan)) end,
    {Done, Why, _} = gather(Next, Top, Bounds#{helpers => ?COPY_HELPERS}, Look, Keep, {#{}, #{}}),
    Brief = fun(Some) -> Read(Some, Plan#{brief => true}) end,
    {in_order(Top, Done, Brief), [rows || deadline <- Why]}.

in_order(Top, Done, Brief) ->
    case some(?AT_ONCE, Top) of
        none ->
            [];
        {Some, Rest} ->
            Rows =
                case Done of
                    #{Some := Read} -> Read;
                    _ -> Brief(Some)
                end,
            Rows ++ in_order(Rest, Done, Brief)
    end.

%% The plan, with what is copied out of the processes of the entries: `labels' as of `cut_labels', and `callbacks', where
%% these take a whole dictionary.
with_copies(Top, #{items := Items, long_queue := LongQueue, reads_keys := ReadsKeys} = Plan) ->
    Labels = lists:member(label, Items),
    Callbacks = not ReadsKeys andalso lists:member(initial_call, Items),
    case Labels orelse Callbacks of
        true ->
            {Sized, _, _} = copyable(short([element(2, Entry) || Entry <- Top], LongQueue)),
            Read = fun(true, Ask) -> maps:from_list(element(1, copied(Sized, Ask, Plan))); (false, _) -> #{} end,
            Plan#{
                labels => Read(Labels, fun(Pids) -> cut_labels(labels(Pids, Plan)) end),
                callbacks => Read(Callbacks, fun(Pids) -> from_dictionaries('$initial_call', Pids) end)
            };
        false ->
            Plan
    end.

%% The items of a process, in a list of one; an empty list when it has ended.
row(Pid, Known, #{items := Items, brief := true}) ->
    %% What is there to be read, whatever the process does.
    case erlang:process_info(Pid, [registered_name, initial_call, status, message_queue_len, reductions]) of
        undefined -> [];
        Facts -> [tell_known(Items, maps:merge(maps:from_list(Facts), Known))]
    end;
row(Pid, Known, #{items := Items} = Plan) ->
    Cheap = [
        registered_name,
        current_function,
        initial_call,
        status,
        message_queue_len,
        reductions,
        heap_size,
        stack_size,
        group_leader
    ],
    case erlang:process_info(Pid, Cheap) of
        undefined ->
            [];
        Facts ->
            [tell_all(Items, Pid, maps:merge(maps:from_list(Facts), Known), Plan)]
    end.

tell_all(Items, Pid, Told, Plan) -> [tell(Item, Pid, Told, Plan) || Item <- Items].

tell_known(Items, Told) -> [hd([Value || Value <- [maps:get(Item, Told, [])], Value =/= []] ++ [undefined]) || Item <- Items].

tell(registered_name, _, #{registered_name := []}, _) ->
    undefined;
%% As it was ranked.
tell(initial_call, _, #{initial_call := Call}, #{sort := initial_call}) ->
    Call;
tell(initial_call, Pid, #{initial_call := Call}, Plan) ->
    case callback(Pid, Plan) of
        {Module, Function, Arity} = Callback when is_atom(Module), is_atom(Function), is_integer(Arity) -> Callback;
        _ -> Call
    end;
tell(label, Pid, _, #{labels := Labels}) ->
    case Labels of
        #{Pid := none} -> undefined;
        #{Pid := {term, Label}} -> {term, Label};
        #{Pid := {term, Cut, _}} -> {term, Cut};
        %% There are labels from OTP 27 on.
        _ -> hd([unread || erlang:function_exported(proc_lib, set_label, 1)] ++ [undefined])
    end;
tell(application, Pid, _, _) ->
    case application:get_application(Pid) of
        {ok, Application} -> Application;
        undefined -> undefined
    end;
tell(own, _, #{registered_name := Name, group_leader := Leader}, _) ->
    %% A janitor has left our group, and bears our name.
    (is_atom(Name) andalso lists:prefix("beamscope_", atom_to_list(Name))) orelse
        (node(Leader) =/= node() andalso node(Leader) =:= node(group_leader()));
tell(Item, Pid, Told, Plan) ->
    case {Told, Item} of
        {#{Item := Value}, _} -> Value;
        {_, memory} -> walk_queue(memory, Pid, Told, Plan);
        {_, total_heap_size} -> walk_queue(total_heap_size, Pid, Told, Plan);
        _ -> error({unknown_item, Item})
    end.

walk_queue(Item, Pid, #{message_queue_len := Messages}, #{long_queue := LongQueue}) ->
    case Messages =< LongQueue of
        true -> fact(Pid, Item);
        false -> undefined
    end.

%% What a process says to be, `undefined' where it does not, or where that was not read.
callback(Pid, #{reads_keys := true}) -> fact(Pid, {dictionary, '$initial_call'});
callback(Pid, #{callbacks := Callbacks}) -> maps:get(Pid, Callbacks, undefined).
